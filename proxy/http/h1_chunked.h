// Decodes a chunked body (RFC 9112 7.1), sans-IO and strict: CRLF only, at most 16 size digits,
// extensions checked, bounded and dropped. Payload is not copied; trailer bytes are. One a message.
//
//   kSize ─▶ [kExtension...] ─▶ kSizeLf ─▶ kData ─▶ kDataCr ─▶ kDataLf ─▶ kSize
//                                  └ size 0 ─▶ kLastLine ─▶ [kTrailers | kFinalLf] ─▶ kDone
//   kRefused follows from any state on the first wrong byte.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "proxy/base/buffer.h"
#include "proxy/http/h1_fields.h"

namespace outrigger::http {

class ChunkedDecoder {
 public:
  enum class Event : std::uint8_t { kNeedMore, kData, kEnd, kRefused };

  // Bounds of extensions (architecture 8): dropped without meaning, so nobody needs more.
  static constexpr std::uint32_t kExtensionBytesPerChunk = 256;
  static constexpr std::uint32_t kExtensionBytesPerBody = 4096;

  explicit ChunkedDecoder(HeadLimits trailer_limits) noexcept;
  ChunkedDecoder(ChunkedDecoder&&) noexcept;
  ChunkedDecoder& operator=(ChunkedDecoder&&) noexcept;
  ~ChunkedDecoder();

  // Consumes from the front of `in` up to and with one event. kData: `data` is a view into what was
  // consumed. kNeedMore: all of `in` was consumed. kEnd: what is left of `in` belongs to the next
  // message. kEnd and kRefused repeat.
  Event next(std::string_view& in, std::string_view& data);
  // After kRefused: 400, or 431 when the trailers exceed the limits.
  [[nodiscard]] const Refusal& refusal() const noexcept { return refusal_; }
  // After kEnd: the trailer fields that may be passed on; nullptr when there are none. Fields that
  // guide framing, routing or authentication are refused; those that a trailer cannot carry
  // otherwise (RFC 9110 6.5.1: controls, content format) are dropped.
  [[nodiscard]] const Headers* trailers() const noexcept { return trailers_.get(); }
  [[nodiscard]] bool done() const noexcept { return state_ == State::kDone; }

 private:
  enum class State : std::uint8_t {
    kSize,
    kExtensionName,
    kExtensionNameMore,
    kExtensionValue,
    kExtensionValueMore,
    kExtensionQuoted,
    kExtensionEscape,
    kExtensionQuotedEnd,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kLastLine,
    kFinalLf,
    kTrailers,
    kDone,
    kRefused
  };
  struct Trailers;  // only a body with trailer fields pays for them
  bool step(char byte);
  bool step_size(char byte);
  bool step_extension(char byte);
  bool end_element(char byte);
  Event read_trailers(std::string_view& in);
  bool keep_trailers(std::string_view section);
  bool bad_extension() noexcept;
  bool refuse(const Refusal& refusal) noexcept;

  HeadLimits limits_;
  State state_ = State::kSize;
  std::uint8_t digits_ = 0;
  std::uint64_t left_ = 0;  // of the size being read, then of the chunk's data
  std::uint32_t chunk_extension_bytes_ = 0;
  std::uint32_t body_extension_bytes_ = 0;
  std::unique_ptr<Trailers> section_;
  std::unique_ptr<Headers> trailers_;
  Refusal refusal_;
};

}  // namespace outrigger::http
