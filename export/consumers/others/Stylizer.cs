// Stylizes pictures in C# with MODEL.onnx of `adain export MODEL -o DIR`, float pictures. Not compiled and not run by this
// project. With the package Microsoft.ML.OnnxRuntime.

using System;
using System.Collections.Generic;
using Microsoft.ML.OnnxRuntime;

/// <summary>RGB in interleaved bytes, 3 * width * height; upright and in sRGB.</summary>
public sealed record Picture(int Width, int Height, byte[] Rgb);

public sealed class Stylizer : IDisposable
{
    const int Contract = 5; // version of the graphs' contract that this program is written for
    static readonly float[] Grain = { 95, 33 }; // where the grain's tile begins, as `adain` has it with seed 0

    readonly InferenceSession session;
    readonly int multiple, minimum;

    /// <summary>Load MODEL.onnx; any other graph is an error that says what to do.</summary>
    public Stylizer(string path)
    {
        session = new InferenceSession(path);
        var info = session.ModelMetadata.CustomMetadataMap;
        if (!info.TryGetValue("adain.contract", out var text))
            throw new ArgumentException("not a graph of adain; take MODEL.onnx as `adain export` writes it");
        var version = int.Parse(text);
        if (version != Contract)
            throw new ArgumentException($"the graph follows version {version} of the contract, this program version {Contract}; "
                + (version > Contract ? "take the program from a newer version of adain" : "export it again with this version of adain"));
        if (info["adain.graph"] != "whole")
            throw new ArgumentException($"this is the graph {info["adain.graph"]}; take MODEL.onnx, which has the whole network");
        if (info["adain.io"] != "float")
            throw new ArgumentException($"the graph takes {info["adain.io"]} pictures; export it again with --io float");
        multiple = int.Parse(info["adain.size_multiple"]);
        minimum = int.Parse(info["adain.size_minimum"]);
    }

    /// <summary>The content in the style, of the content's size. Shrink a larger style to 512 px on its shorter side first.</summary>
    public Picture Stylize(Picture content, Picture style, float alpha = 1, float strokes = 0.5f)
    {
        if (!(alpha >= 0 && alpha <= 1 && strokes >= 0 && strokes <= 1))
            throw new ArgumentOutOfRangeException(nameof(alpha), $"alpha and strokes must be in [0, 1], got {alpha} and {strokes}");
        using OrtValue picture = Tensor(content), painting = Tensor(style);
        using OrtValue strength = Numbers(alpha), drafts = Numbers(strokes), grain = Numbers(Grain);
        var inputs = new Dictionary<string, OrtValue>
        {
            ["content"] = picture, ["style"] = painting, ["alpha"] = strength, ["strokes"] = drafts, ["grain"] = grain,
        };
        using var options = new RunOptions();
        using var outputs = session.Run(options, inputs, new[] { "stylized" });
        return Cropped(outputs[0], content);
    }

    public void Dispose() => session.Dispose();

    int Fitting(int side) => Math.Max((side + multiple - 1) / multiple * multiple, minimum);

    static OrtValue Numbers(params float[] values) =>
        OrtValue.CreateTensorValueFromMemory(values, new long[] { 1, values.Length });

    /// <summary>Float32 (1, 3, H, W) in [0, 1]; the last row and column are repeated to sides that the graph takes.</summary>
    OrtValue Tensor(Picture picture)
    {
        int rows = Fitting(picture.Height), columns = Fitting(picture.Width), index = 0;
        var planes = new float[3 * rows * columns];
        for (var channel = 0; channel < 3; channel++)
            for (var y = 0; y < rows; y++)
                for (var x = 0; x < columns; x++)
                {
                    var pixel = Math.Min(y, picture.Height - 1) * picture.Width + Math.Min(x, picture.Width - 1);
                    planes[index++] = picture.Rgb[3 * pixel + channel] / 255f;
                }
        return OrtValue.CreateTensorValueFromMemory(planes, new long[] { 1, 3, rows, columns });
    }

    static Picture Cropped(OrtValue stylized, Picture content)
    {
        var shape = stylized.GetTensorTypeAndShape().Shape;
        var planes = stylized.GetTensorDataAsSpan<float>();
        var rgb = new byte[3 * content.Width * content.Height];
        var index = 0;
        for (var y = 0; y < content.Height; y++)
            for (var x = 0; x < content.Width; x++)
                for (var channel = 0; channel < 3; channel++) // values are in [0, 1] already
                    rgb[index++] = (byte)(planes[(int)((channel * shape[2] + y) * shape[3] + x)] * 255 + 0.5f);
        return content with { Rgb = rgb };
    }
}
