// Requests and responses as the filter chain sees them, the same for HTTP/1 and HTTP/2. All text
// views point into storage that the message's Headers keep (its head buffer or its arena).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "proxy/http/body.h"
#include "proxy/http/headers.h"

namespace outrigger::http {

enum class Version : std::uint8_t { kHttp10, kHttp11, kHttp2 };
enum class Method : std::uint8_t {
  kGet,
  kHead,
  kPost,
  kPut,
  kDelete,
  kConnect,
  kOptions,
  kTrace,
  kPatch,
  kOther
};
enum class TargetForm : std::uint8_t { kOrigin, kAbsolute, kAuthority, kAsterisk };  // RFC 9112 3.2

Method method_of(std::string_view text) noexcept;  // case-sensitive (RFC 9110 9.1)
bool is_safe(Method method) noexcept;              // RFC 9110 9.2.1
bool is_idempotent(Method method) noexcept;        // RFC 9110 9.2.2

struct RequestHead {
  Method method = Method::kGet;
  TargetForm form = TargetForm::kOrigin;
  Version version = Version::kHttp11;
  std::string_view method_text;
  std::string_view scheme;     // of an absolute-form target or :scheme; otherwise empty
  std::string_view authority;  // of the target or :authority, else Host; host[:port] as sent
  std::string_view target;     // path and query, "*", or the authority of a CONNECT
  std::string_view protocol;   // :protocol of an extended CONNECT (RFC 8441), or empty
  Headers headers;

  [[nodiscard]] std::string_view path() const noexcept {
    return target.substr(0, target.find('?'));
  }
};

struct ResponseHead {
  int status = 0;
  Version version = Version::kHttp11;
  std::string_view reason;  // HTTP/1 only; may be empty
  Headers headers;
};

struct Request {
  RequestHead head;
  Body body;
};

// The two directions of an accepted CONNECT or Upgrade. Owned by the response; destroying it
// closes.
class Tunnel {
 public:
  virtual ~Tunnel() = default;
  // Empty slice: the peer will send no more.
  virtual Task<Result<Slice>> read(CancelScope& scope) = 0;
  virtual Task<Status> write(Slice bytes, CancelScope& scope) = 0;
  // No more from us: half-close where the protocol has one.
  virtual Task<Status> finish(CancelScope& scope) = 0;
};

struct Response {
  ResponseHead head;
  Body body;
  std::unique_ptr<Tunnel> tunnel;  // set with 101, or 2xx to CONNECT
};

}  // namespace outrigger::http
