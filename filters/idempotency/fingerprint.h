// What makes two requests with one key the same: method, target and body (durability 3 item 16).
// Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "filters/digest/digest.h"
#include "filters/idempotency/reply.h"
#include "proxy/http/message.h"

namespace outrigger::filters {

// The target without the query's `key`, in whatever way its name is written: a credential, which
// changes while the request stays the same.
[[nodiscard]] std::string fingerprinted_target(std::string_view target);

// Of the body's bytes, in whatever pieces they come.
class RawFingerprint {
 public:
  RawFingerprint(std::string_view method, std::string_view target);
  void add(std::string_view piece) { sha256_.add(piece); }
  [[nodiscard]] Fingerprint finish();  // once

 private:
  Sha256 sha256_;
};

// Made as the fingerprint of a record was, to be compared with it: nothing when the body has no
// canonical form, so that it is another request. `exclude` as for canonical_json.
[[nodiscard]] std::optional<Fingerprint> fingerprint_as(FingerprintKind kind,
                                                        const http::RequestHead& head,
                                                        std::string_view body,
                                                        std::span<const std::string> exclude);

}  // namespace outrigger::filters
