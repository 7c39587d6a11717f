// Stylizes a picture in C++ with a graph that `adain export MODEL -o DIR` wrote:
//   stylize MODEL.onnx CONTENT STYLE OUT.png [ALPHA [STROKES]]
// ALPHA is the strength of the style, from 0 to 1, by default 1. STROKES is how much of a coarse draft goes into the
// picture, from 0 to 1, by default 0.5. The class Stylizer is the part to copy; libvips only reads and writes files.

#include <onnxruntime_cxx_api.h>
#include <vips/vips8>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

constexpr int kContract = 5;                 // version of the graphs' contract that this program is written for
constexpr std::array<float, 2> kGrain{95, 33};  // where the grain's tile begins, as `adain` has it with seed 0
constexpr double kStyleSide = 512;          // px of a style's shorter side; its size sets the scale of the strokes

struct Picture {
  int64_t width, height;
  std::vector<uint8_t> rgb;    // interleaved, 3 * width * height
  std::vector<uint8_t> alpha;  // width * height, or empty: opaque
};

class Stylizer {
 public:
  /// Load MODEL.onnx with float pictures; any other graph is an error that says what to do.
  explicit Stylizer(const char* path) : session_(env_, path, options()) {
    const std::string contract = about("contract"), graph = about("graph"), io = about("io");
    if (contract.empty()) fail("not a graph of adain; take MODEL.onnx as `adain export` writes it");
    if (std::stoi(contract) != kContract) {
      fail("the graph follows version " + contract + " of the contract, this program version " +
           std::to_string(kContract) + "; " +
           (std::stoi(contract) > kContract ? "take the program from a newer version of adain"
                                            : "export it again with this version of adain"));
    }
    if (graph != "whole") fail("this is the graph " + graph + "; take MODEL.onnx, which has the whole network");
    if (io != "float") fail("the graph takes " + io + " pictures; export it again with --io float");
    multiple_ = std::stoll(about("size_multiple"));
    minimum_ = std::stoll(about("size_minimum"));
    long long height = 0, width = 0;  // a graph of one size says {"height": 96, "width": 128, ...}
    if (std::sscanf(about("fixed").c_str(), "{\"height\": %lld, \"width\": %lld", &height, &width) == 2) {
      fixed_height_ = height;
      fixed_width_ = width;
    }
  }

  /// The factor, at most 1, by which a picture must shrink to go into a graph of one size; 1 for all other graphs.
  double shrinking(const Picture& picture) const {
    if (fixed_height_ == 0) return 1;
    return std::min({1.0, static_cast<double>(fixed_height_) / static_cast<double>(picture.height),
                     static_cast<double>(fixed_width_) / static_cast<double>(picture.width)});
  }

  /// The content in the style, of the content's size, with the content's alpha channel.
  Picture operator()(const Picture& content, const Picture& style, float alpha, float strokes) {
    if (!(alpha >= 0 && alpha <= 1 && strokes >= 0 && strokes <= 1)) fail("alpha and strokes must be in [0, 1]");
    std::array<float, 2> grain = kGrain;
    std::vector<float> content_planes, style_planes;
    std::array<Ort::Value, 5> inputs{tensor(content, content_planes), tensor(style, style_planes), numbers(&alpha, 1),
                                     numbers(&strokes, 1), numbers(grain.data(), 2)};
    const char* names[] = {"content", "style", "alpha", "strokes", "grain"};
    const char* output_names[] = {"stylized"};
    const size_t count = fixed_height_ == 0 ? 5 : 4;  // a graph of one size has its own grain
    auto outputs = session_.Run(Ort::RunOptions{nullptr}, names, inputs.data(), count, output_names, 1);
    return cropped(outputs[0], content);
  }

 private:
  [[noreturn]] static void fail(const std::string& problem) { throw std::runtime_error(problem); }

  static Ort::SessionOptions options() {
    Ort::SessionOptions options;
    options.DisableMemPattern();  // for pictures of many sizes: half the peak memory, at no cost
    return options;
  }

  /// A value of the file's metadata, or "".
  std::string about(const char* name) {
    const auto value = session_.GetModelMetadata().LookupCustomMetadataMapAllocated(
        (std::string("adain.") + name).c_str(), allocator_);
    return value ? value.get() : "";
  }

  int64_t fitting(int64_t side) const { return std::max((side + multiple_ - 1) / multiple_ * multiple_, minimum_); }

  /// A picture as float32 (1, 3, H, W) in [0, 1]; its last row and column are repeated to sides that the graph takes.
  Ort::Value tensor(const Picture& picture, std::vector<float>& planes) const {
    const int64_t rows = fixed_height_ ? fixed_height_ : fitting(picture.height);
    const int64_t columns = fixed_width_ ? fixed_width_ : fitting(picture.width);
    planes.resize(3 * rows * columns);
    for (int64_t channel = 0, index = 0; channel < 3; channel++) {
      for (int64_t y = 0; y < rows; y++) {
        const int64_t row = std::min(y, picture.height - 1) * picture.width;
        for (int64_t x = 0; x < columns; x++) {
          planes[index++] = picture.rgb[3 * (row + std::min(x, picture.width - 1)) + channel] / 255.0f;
        }
      }
    }
    const std::array<int64_t, 4> shape{1, 3, rows, columns};
    return Ort::Value::CreateTensor<float>(memory_, planes.data(), planes.size(), shape.data(), shape.size());
  }

  Ort::Value numbers(float* values, int64_t count) const {
    const std::array<int64_t, 2> shape{1, count};
    return Ort::Value::CreateTensor<float>(memory_, values, count, shape.data(), shape.size());
  }

  static Picture cropped(const Ort::Value& stylized, const Picture& content) {
    const auto shape = stylized.GetTensorTypeAndShapeInfo().GetShape();
    const float* planes = stylized.GetTensorData<float>();
    Picture picture = content;
    for (int64_t y = 0, index = 0; y < content.height; y++) {
      for (int64_t x = 0; x < content.width; x++) {
        for (int64_t channel = 0; channel < 3; channel++) {  // values are in [0, 1] already
          picture.rgb[index++] = static_cast<uint8_t>(planes[(channel * shape[2] + y) * shape[3] + x] * 255 + 0.5f);
        }
      }
    }
    return picture;
  }

  Ort::Env env_{ORT_LOGGING_LEVEL_ERROR, "adain"};
  Ort::MemoryInfo memory_ = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  Ort::AllocatorWithDefaultOptions allocator_;
  Ort::Session session_;
  int64_t multiple_ = 1, minimum_ = 1, fixed_height_ = 0, fixed_width_ = 0;
};

/// The bytes of an image.
std::vector<uint8_t> bytes(const vips::VImage& image) {
  size_t size = 0;
  auto* data = static_cast<uint8_t*>(image.write_to_memory(&size));
  std::vector<uint8_t> copied(data, data + size);
  g_free(data);
  return copied;
}

/// Give transparent pixels the mean colour of the others: nobody sees theirs, but the network does.
void replace_hidden(Picture& picture) {
  std::array<double, 3> total{};
  double seen = 0;
  for (size_t pixel = 0; pixel < picture.alpha.size(); pixel++) {
    if (picture.alpha[pixel] == 0) continue;
    seen++;
    for (size_t channel = 0; channel < 3; channel++) total[channel] += picture.rgb[3 * pixel + channel];
  }
  for (size_t pixel = 0; pixel < picture.alpha.size() && seen > 0; pixel++) {
    if (picture.alpha[pixel] != 0) continue;
    for (size_t channel = 0; channel < 3; channel++) {
      picture.rgb[3 * pixel + channel] = static_cast<uint8_t>(std::lround(total[channel] / seen));
    }
  }
}

/// A file, upright and in sRGB.
Picture read(const char* path) {
  vips::VImage image = vips::VImage::new_from_file(path).autorot();
  if (image.get_typeof("icc-profile-data") != 0) {
    image = image.icc_transform("srgb", vips::VImage::option()
                                            ->set("embedded", true)
                                            ->set("intent", VIPS_INTENT_RELATIVE)
                                            ->set("black_point_compensation", true));
  }
  image = image.colourspace(VIPS_INTERPRETATION_sRGB).cast(VIPS_FORMAT_UCHAR);
  Picture picture{image.width(), image.height(), bytes(image.extract_band(0, vips::VImage::option()->set("n", 3))), {}};
  if (image.has_alpha()) {
    picture.alpha = bytes(image.extract_band(3));
    replace_hidden(picture);
  }
  return picture;
}

vips::VImage image_of(const std::vector<uint8_t>& data, int64_t width, int64_t height, int bands) {
  return vips::VImage::new_from_memory(const_cast<uint8_t*>(data.data()), data.size(), static_cast<int>(width),
                                       static_cast<int>(height), bands, VIPS_FORMAT_UCHAR);
}

/// A picture, shrunk by a factor; not changed where it is 1 or more.
Picture scaled(const Picture& picture, double factor) {
  if (factor >= 1) return picture;
  const auto width = std::max<int64_t>(1, std::lround(static_cast<double>(picture.width) * factor));
  const auto height = std::max<int64_t>(1, std::lround(static_cast<double>(picture.height) * factor));
  const auto resized = [&](const std::vector<uint8_t>& data, int bands) {
    return bytes(image_of(data, picture.width, picture.height, bands)
                     .thumbnail_image(static_cast<int>(width), vips::VImage::option()
                                                                   ->set("height", static_cast<int>(height))
                                                                   ->set("size", VIPS_SIZE_FORCE)));
  };
  return {width, height, resized(picture.rgb, 3), picture.alpha.empty() ? picture.alpha : resized(picture.alpha, 1)};
}

void write(const Picture& picture, const char* path) {
  vips::VImage image = image_of(picture.rgb, picture.width, picture.height, 3);
  if (!picture.alpha.empty()) image = image.bandjoin(image_of(picture.alpha, picture.width, picture.height, 1));
  image.copy(vips::VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB)).write_to_file(path);
}

int main(int count, char** arguments) {
  if (count < 5 || VIPS_INIT(arguments[0]) != 0) {
    std::fprintf(stderr, "usage: stylize MODEL.onnx CONTENT STYLE OUT.png [ALPHA [STROKES]]\n");
    return 2;
  }
  try {
    const float alpha = count > 5 ? std::stof(arguments[5]) : 1, strokes = count > 6 ? std::stof(arguments[6]) : 0.5f;
    Stylizer stylizer(arguments[1]);
    Picture content = read(arguments[2]), style = read(arguments[3]);
    content = scaled(content, stylizer.shrinking(content));
    const double usual = kStyleSide / static_cast<double>(std::min(style.width, style.height));
    style = scaled(style, std::min(usual, stylizer.shrinking(style)));
    write(stylizer(content, style, alpha, strokes), arguments[4]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
  return 0;
}
