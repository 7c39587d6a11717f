// Stylizes pictures on Android and the JVM with MODEL.onnx of `adain export MODEL -o DIR`, float pictures. Not run by this
// project; it is compiled against the classes of onnxruntime-android 1.29. In Gradle:
//   implementation("com.microsoft.onnxruntime:onnxruntime-android:1.29.0")

import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtSession
import java.nio.FloatBuffer

/** RGB in interleaved bytes, 3 * width * height; upright and in sRGB, as `Bitmap` has them after decoding. */
class Picture(val width: Int, val height: Int, val rgb: ByteArray)

/** Loads the bytes of MODEL.onnx; any other graph is an error that says what to do. */
class Stylizer(model: ByteArray) : AutoCloseable {
    private val environment = OrtEnvironment.getEnvironment()
    private val session = environment.createSession(model, OrtSession.SessionOptions())
    private val multiple: Int
    private val minimum: Int

    init {
        val info = session.metadata.customMetadata
        val contract = info["adain.contract"]?.toInt()
        require(contract != null) { "not a graph of adain; take MODEL.onnx as `adain export` writes it" }
        require(contract == CONTRACT) {
            "the graph follows version $contract of the contract, this program version $CONTRACT; " +
                if (contract > CONTRACT) "take the program from a newer version of adain"
                else "export it again with this version of adain"
        }
        val graph = info["adain.graph"]
        require(graph == "whole") { "this is the graph $graph; take MODEL.onnx, which has the whole network" }
        val io = info["adain.io"]
        require(io == "float") { "the graph takes $io pictures; export it again with --io float" }
        multiple = info.getValue("adain.size_multiple").toInt()
        minimum = info.getValue("adain.size_minimum").toInt()
    }

    /** The content in the style, of the content's size. Shrink a larger style to 512 px on its shorter side first. */
    fun stylize(content: Picture, style: Picture, alpha: Float = 1f, strokes: Float = 0.5f): Picture {
        require(alpha in 0f..1f && strokes in 0f..1f) { "alpha and strokes must be in [0, 1]" }
        val inputs = mapOf(
            "content" to tensor(content),
            "style" to tensor(style),
            "alpha" to numbers(alpha),
            "strokes" to numbers(strokes),
            "grain" to numbers(*GRAIN)
        )
        try {
            val outputs = session.run(inputs)
            try {
                return cropped(outputs.get(0) as OnnxTensor, content)
            } finally {
                outputs.close()
            }
        } finally {
            inputs.values.forEach { it.close() }
        }
    }

    override fun close() = session.close()

    private fun fitting(side: Int) = maxOf((side + multiple - 1) / multiple * multiple, minimum)

    private fun numbers(vararg values: Float) =
        OnnxTensor.createTensor(environment, FloatBuffer.wrap(values), longArrayOf(1, values.size.toLong()))

    /** Float32 (1, 3, H, W) in [0, 1]; the last row and column are repeated to sides that the graph takes. */
    private fun tensor(picture: Picture): OnnxTensor {
        val rows = fitting(picture.height)
        val columns = fitting(picture.width)
        val planes = FloatArray(3 * rows * columns)
        var index = 0
        for (channel in 0 until 3) for (y in 0 until rows) for (x in 0 until columns) {
            val pixel = minOf(y, picture.height - 1) * picture.width + minOf(x, picture.width - 1)
            planes[index++] = (picture.rgb[3 * pixel + channel].toInt() and 255) / 255f
        }
        val shape = longArrayOf(1, 3, rows.toLong(), columns.toLong())
        return OnnxTensor.createTensor(environment, FloatBuffer.wrap(planes), shape)
    }

    private fun cropped(stylized: OnnxTensor, content: Picture): Picture {
        val (rows, columns) = stylized.info.shape.drop(2).map { it.toInt() }
        val planes = stylized.floatBuffer
        val rgb = ByteArray(3 * content.width * content.height)
        var index = 0
        for (y in 0 until content.height) for (x in 0 until content.width) for (channel in 0 until 3) {
            rgb[index++] = (planes[(channel * rows + y) * columns + x] * 255 + 0.5f).toInt().toByte()
        }
        return Picture(content.width, content.height, rgb)
    }

    companion object {
        const val CONTRACT = 5 // version of the graphs' contract that this program is written for
        val GRAIN = floatArrayOf(95f, 33f) // where the grain's tile begins, as `adain` has it with seed 0
    }
}
