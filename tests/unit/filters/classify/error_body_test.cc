#include "filters/classify/error_body.h"

#include <random>
#include <string>
#include <vector>

#include <brotli/encode.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

namespace outrigger::filters {
namespace {

const std::string kText = R"({"error":{"code":"rate_limit_exceeded","message":"Slow down."}})";

std::string deflated(const std::string& text, int window_bits) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string gzip(const std::string& text) {
  return deflated(text, 15 + 16);
}

std::string brotli(const std::string& text) {
  std::size_t size = BrotliEncoderMaxCompressedSize(text.size()) + 64;
  std::string out(size, '\0');
  EXPECT_TRUE(BrotliEncoderCompress(5, 22, BROTLI_MODE_GENERIC, text.size(),
                                    reinterpret_cast<const std::uint8_t*>(text.data()), &size,
                                    reinterpret_cast<std::uint8_t*>(out.data())));
  out.resize(size);
  return out;
}

std::string zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

struct Coding {
  std::string name;
  std::string (*encode)(const std::string&);
};
const std::vector<Coding> kCodings = {
    {"gzip", gzip},
    {"x-gzip", gzip},
    {"GZIP", gzip},
    {"deflate", [](const std::string& text) { return deflated(text, 15); }},
    {"deflate", [](const std::string& text) { return deflated(text, -15); }},  // without wrapping
    {"br", brotli},
    {"zstd", zstd},
    {"identity", [](const std::string& text) { return text; }},
    {"", [](const std::string& text) { return text; }},
    {"gzip, br", [](const std::string& text) { return brotli(gzip(text)); }},
    {"identity,gzip", gzip},
};

TEST(ErrorBody, IsDecodedFromEveryCoding) {
  for (const Coding& coding : kCodings) {
    const auto body = decode_bounded(coding.name, coding.encode(kText), kErrorBodyBytes);
    ASSERT_TRUE(body) << coding.name;
    EXPECT_EQ(body->text, kText) << coding.name;
    EXPECT_TRUE(body->complete) << coding.name;
  }
}

TEST(ErrorBody, OfAnUnknownCodingIsNothing) {
  for (const std::string_view coding : {"compress", "aes128gcm", "gzip, br, gzip", "gzip, lzma"}) {
    EXPECT_EQ(decode_bounded(coding, kText, kErrorBodyBytes).has_value(), false) << coding;
  }
}

TEST(ErrorBody, ThatWasCutGivesWhatCameBefore) {
  std::string text;
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) text += static_cast<char>('a' + random() % 26);
  for (const Coding& coding : kCodings) {
    const std::string whole = coding.encode(text);
    for (const std::size_t cut : {whole.size() - 1, whole.size() / 2, std::size_t{1}}) {
      const auto body = decode_bounded(coding.name, whole.substr(0, cut), kErrorBodyBytes);
      ASSERT_TRUE(body) << coding.name;
      EXPECT_TRUE(text.starts_with(body->text)) << coding.name << " " << cut;
      const bool plain = coding.name.empty() || coding.name == "identity";
      EXPECT_EQ(body->complete, plain) << coding.name << " " << cut;
    }
  }
}

TEST(ErrorBody, OfABombStopsAtTheLimit) {
  const std::string zeros(8 << 20, '0');
  for (const Coding& coding : kCodings) {
    const auto body = decode_bounded(coding.name, coding.encode(zeros), 1000);
    ASSERT_TRUE(body) << coding.name;
    EXPECT_LE(body->text.size(), 1000u) << coding.name;
    EXPECT_FALSE(body->complete) << coding.name;
    if (coding.name != "gzip, br") {
      EXPECT_EQ(body->text, std::string(1000, '0')) << coding.name;
    }
  }
}

TEST(ErrorBody, OfAnyBytesNeverExceedsTheLimit) {
  for (unsigned seed = 0; seed < 4000; ++seed) {
    std::mt19937 random(seed);
    const Coding& coding = kCodings[seed % kCodings.size()];
    std::string bytes = coding.encode(kText);
    for (int i = 0; i < 3 && !bytes.empty(); ++i) bytes[random() % bytes.size()] ^= random();
    const auto body = decode_bounded(coding.name, bytes, 40);
    ASSERT_TRUE(body) << "seed " << seed;
    EXPECT_LE(body->text.size(), 40u) << "seed " << seed;
  }
}

}  // namespace
}  // namespace outrigger::filters
