// Stylizes pictures on iOS and macOS with MODEL.onnx of `adain export MODEL -o DIR`, float pictures. Not compiled and not run
// by this project. With the package https://github.com/microsoft/onnxruntime-swift-package-manager. Its API does not give
// out metadata, so this reads them from the file.

import Foundation
import OnnxRuntimeBindings

/// RGB in interleaved bytes, 3 * width * height; upright and in sRGB.
struct Picture {
    var width, height: Int
    var rgb: [UInt8]
}

struct Problem: LocalizedError {
    var errorDescription: String?
    init(_ text: String) { errorDescription = text }
}

final class Stylizer {
    static let contract = 5 // version of the graphs' contract that this program is written for
    static let grain: [Float] = [95, 33] // where the grain's tile begins, as `adain` has it with seed 0

    private let environment: ORTEnv
    private let session: ORTSession
    private let multiple, minimum: Int

    /// Load MODEL.onnx; any other graph is an error that says what to do.
    init(path: String) throws {
        let info = try metadata(of: [UInt8](Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)))
        guard let version = info["adain.contract"].flatMap(Int.init) else {
            throw Problem("not a graph of adain; take MODEL.onnx as `adain export` writes it")
        }
        guard version == Stylizer.contract else {
            let advice = version > Stylizer.contract
                ? "take the program from a newer version of adain" : "export it again with this version of adain"
            throw Problem("the graph follows version \(version) of the contract, this program version "
                + "\(Stylizer.contract); \(advice)")
        }
        guard info["adain.graph"] == "whole" else {
            throw Problem("this is the graph \(info["adain.graph"] ?? "?"); take MODEL.onnx, which has the whole network")
        }
        guard info["adain.io"] == "float" else {
            throw Problem("the graph takes \(info["adain.io"] ?? "?") pictures; export it again with --io float")
        }
        multiple = info["adain.size_multiple"].flatMap(Int.init) ?? 1
        minimum = info["adain.size_minimum"].flatMap(Int.init) ?? 1
        environment = try ORTEnv(loggingLevel: .error)
        session = try ORTSession(env: environment, modelPath: path, sessionOptions: ORTSessionOptions())
    }

    /// The content in the style, of the content's size. Shrink a larger style to 512 px on its shorter side first.
    func stylize(_ content: Picture, style: Picture, alpha: Float = 1, strokes: Float = 0.5) throws -> Picture {
        guard (0...1).contains(alpha), (0...1).contains(strokes) else {
            throw Problem("alpha and strokes must be in [0, 1], got \(alpha) and \(strokes)")
        }
        let outputs = try session.run(
            withInputs: [
                "content": tensor(content), "style": tensor(style), "alpha": numbers([alpha], [1, 1]),
                "strokes": numbers([strokes], [1, 1]), "grain": numbers(Stylizer.grain, [1, 2]),
            ],
            outputNames: ["stylized"], runOptions: nil)
        guard let stylized = outputs["stylized"] else { throw Problem("the graph gave no picture") }
        return try cropped(stylized, content)
    }

    private func fitting(_ side: Int) -> Int { max((side + multiple - 1) / multiple * multiple, minimum) }

    private func numbers(_ values: [Float], _ shape: [Int]) throws -> ORTValue {
        let data = values.withUnsafeBytes { NSMutableData(bytes: $0.baseAddress, length: $0.count) }
        return try ORTValue(tensorData: data, elementType: .float, shape: shape.map { NSNumber(value: $0) })
    }

    /// Float32 (1, 3, H, W) in [0, 1]; the last row and column are repeated to sides that the graph takes.
    private func tensor(_ picture: Picture) throws -> ORTValue {
        let (rows, columns) = (fitting(picture.height), fitting(picture.width))
        var planes = [Float]()
        planes.reserveCapacity(3 * rows * columns)
        for channel in 0..<3 {
            for y in 0..<rows {
                let row = min(y, picture.height - 1) * picture.width
                for x in 0..<columns {
                    planes.append(Float(picture.rgb[3 * (row + min(x, picture.width - 1)) + channel]) / 255)
                }
            }
        }
        return try numbers(planes, [1, 3, rows, columns])
    }

    private func cropped(_ stylized: ORTValue, _ content: Picture) throws -> Picture {
        let shape = try stylized.tensorTypeAndShapeInfo().shape.map(\.intValue)
        let planes = try (stylized.tensorData() as Data).withUnsafeBytes { [Float]($0.bindMemory(to: Float.self)) }
        var picture = content
        var index = 0
        for y in 0..<content.height {
            for x in 0..<content.width {
                for channel in 0..<3 { // values are in [0, 1] already
                    picture.rgb[index] = UInt8(planes[(channel * shape[2] + y) * shape[3] + x] * 255 + 0.5)
                    index += 1
                }
            }
        }
        return picture
    }
}

/// The metadata of an ONNX file: field 14 of its protobuf message, pairs of fields 1 and 2.
func metadata(of file: [UInt8]) throws -> [String: String] {
    var found = [String: String]()
    for (field, entry) in try fields(file[...]) where field == 14 {
        let pair = try Dictionary(fields(entry), uniquingKeysWith: { first, _ in first })
        found[String(decoding: pair[1] ?? [], as: UTF8.self)] = String(decoding: pair[2] ?? [], as: UTF8.self)
    }
    return found
}

/// Numbers and contents of a protobuf message's fields that have a length.
private func fields(_ bytes: ArraySlice<UInt8>) throws -> [(Int, ArraySlice<UInt8>)] {
    var (position, found) = (bytes.startIndex, [(Int, ArraySlice<UInt8>)]())
    func number() throws -> Int {
        var (value, shift) = (0, 0)
        while true {
            guard position < bytes.endIndex, shift < 63 else { throw Problem("the file is cut off, or is not ONNX") }
            let byte = Int(bytes[position])
            (position, value, shift) = (position + 1, value | (byte & 127) << shift, shift + 7)
            if byte < 128 { return value }
        }
    }
    while position < bytes.endIndex {
        let tag = try number()
        switch tag & 7 {
        case 0: _ = try number()
        case 1: position += 8
        case 5: position += 4
        case 2:
            let length = try number()
            guard position + length <= bytes.endIndex else { throw Problem("the file is cut off, or is not ONNX") }
            found.append((tag >> 3, bytes[position..<position + length]))
            position += length
        default: throw Problem("the file is not ONNX")
        }
    }
    return found
}
