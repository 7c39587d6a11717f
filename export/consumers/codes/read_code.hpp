// Reads a style code that `StyleCode.to_json` wrote, for the input `codes` of a graph. With nlohmann/json.

#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

inline std::vector<uint8_t> from_base64(const std::string& text) {
  static const std::string letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<uint8_t> bytes;
  uint32_t value = 0, bits = 0;
  for (const char letter : text.substr(0, text.find('='))) {
    value = value << 6 | static_cast<uint32_t>(letters.find(letter));
    if ((bits += 6) >= 8) bytes.push_back(static_cast<uint8_t>(value >> (bits -= 8)));
  }
  return bytes;
}

/// The float32 or float16 at a place, little-endian as all common processors are.
inline float number_at(const uint8_t* bytes, size_t width) {
  if (width == 4) {
    float value;
    std::memcpy(&value, bytes, 4);
    return value;
  }
  const int bits = bytes[0] | bytes[1] << 8, exponent = bits >> 10 & 31;
  const float size = std::ldexp(static_cast<float>((bits & 1023) + (exponent ? 1024 : 0)), (exponent ? exponent : 1) - 25);
  return bits & 0x8000 ? -size : size;
}

/// The code as D numbers, from its JSON text and the graph's metadata `adain.code_digest` and `adain.code_layout`.
inline std::vector<float> read_code(const std::string& text, const std::string& digest, const std::string& layout) {
  const auto code = nlohmann::json::parse(text);
  if (code.value("format", "") != "adain.style-code.1" || code.value("digest", "") != digest) {
    throw std::runtime_error("not a style code of this graph's network; encode the style with it");
  }
  const size_t width = code.at("dtype") == "float16" ? 2 : 4;
  std::vector<float> numbers;
  for (const auto& entry : nlohmann::json::parse(layout)) {  // [name, shape]
    size_t count = 1;
    for (const size_t side : entry[1]) count *= side;
    const auto bytes = from_base64(code.at("arrays").at(entry[0].get<std::string>()).at("data"));
    if (bytes.size() != width * count) throw std::runtime_error("the style code has other shapes than the graph");
    for (size_t i = 0; i < count; i++) numbers.push_back(number_at(&bytes[i * width], width));
  }
  return numbers;
}
