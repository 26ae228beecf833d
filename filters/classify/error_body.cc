#include "filters/classify/error_body.h"

#include <algorithm>
#include <memory>

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include "proxy/http/headers.h"

namespace outrigger::filters {
namespace {

// zlib and gzip by its own detection, deflate without wrapping by a negative size (zlib.h).
constexpr int kDetect = 15 + 32;
constexpr int kRaw = -15;
// A service may use windows of 8 MiB at most on the web (RFC 9659).
constexpr int kZstdWindowLog = 23;

DecodedBody inflate_body(std::string_view bytes, std::size_t limit, int window_bits) {
  DecodedBody out;
  z_stream stream{};
  if (inflateInit2(&stream, window_bits) != Z_OK) return out;
  out.text.resize(limit);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib only reads
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.text.data());
  stream.avail_out = static_cast<uInt>(limit);
  out.complete = inflate(&stream, Z_SYNC_FLUSH) == Z_STREAM_END;
  out.text.resize(limit - stream.avail_out);
  inflateEnd(&stream);
  return out;
}

// Half the world sends deflate as RFC 9110 8.4.1.2 wants it, the other half without the wrapping.
DecodedBody inflate_either(std::string_view bytes, std::size_t limit) {
  DecodedBody wrapped = inflate_body(bytes, limit, kDetect);
  if (wrapped.complete || !wrapped.text.empty()) return wrapped;
  return inflate_body(bytes, limit, kRaw);
}

DecodedBody decode_brotli(std::string_view bytes, std::size_t limit) {
  DecodedBody out;
  const std::unique_ptr<BrotliDecoderState, decltype(&BrotliDecoderDestroyInstance)> state(
      BrotliDecoderCreateInstance(nullptr, nullptr, nullptr), BrotliDecoderDestroyInstance);
  if (state == nullptr) return out;
  out.text.resize(limit);
  std::size_t in_left = bytes.size(), out_left = limit;
  const auto* in = reinterpret_cast<const std::uint8_t*>(bytes.data());
  auto* at = reinterpret_cast<std::uint8_t*>(out.text.data());
  const auto result =
      BrotliDecoderDecompressStream(state.get(), &in_left, &in, &out_left, &at, nullptr);
  out.complete = result == BROTLI_DECODER_RESULT_SUCCESS;
  out.text.resize(limit - out_left);
  return out;
}

DecodedBody decode_zstd(std::string_view bytes, std::size_t limit) {
  DecodedBody out;
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(),
                                                                     ZSTD_freeDCtx);
  if (context == nullptr) return out;
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kZstdWindowLog);
  out.text.resize(limit);
  ZSTD_inBuffer from{bytes.data(), bytes.size(), 0};
  ZSTD_outBuffer to{out.text.data(), limit, 0};
  while (from.pos < from.size && to.pos < to.size && !out.complete) {
    const std::size_t left = ZSTD_decompressStream(context.get(), &to, &from);
    if (ZSTD_isError(left) != 0) break;
    out.complete = left == 0;
  }
  out.text.resize(to.pos);
  return out;
}

std::optional<DecodedBody> decode_one(std::string_view coding, std::string_view bytes,
                                      std::size_t limit) {
  const auto is = [&](std::string_view name) { return http::equals_ignore_case(coding, name); };
  if (coding.empty() || is("identity")) {
    return DecodedBody{std::string(bytes.substr(0, limit)), bytes.size() <= limit};
  }
  if (is("gzip") || is("x-gzip")) return inflate_body(bytes, limit, kDetect);
  if (is("deflate")) return inflate_either(bytes, limit);
  if (is("br")) return decode_brotli(bytes, limit);
  if (is("zstd")) return decode_zstd(bytes, limit);
  return std::nullopt;
}

std::string_view trimmed(std::string_view text) noexcept {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::optional<DecodedBody> decode_bounded(std::string_view encoding, std::string_view bytes,
                                          std::size_t limit) {
  const std::size_t comma = encoding.find(',');
  if (comma == std::string_view::npos) return decode_one(trimmed(encoding), bytes, limit);
  // The last coding was applied last.
  std::optional<DecodedBody> outer = decode_one(trimmed(encoding.substr(comma + 1)), bytes, limit);
  if (!outer) return outer;
  std::optional<DecodedBody> inner =
      decode_one(trimmed(encoding.substr(0, comma)), outer->text, limit);
  if (inner) inner->complete = inner->complete && outer->complete;
  return inner;
}

}  // namespace outrigger::filters
