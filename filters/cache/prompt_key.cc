#include "filters/cache/prompt_key.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "filters/cache/shaping_headers.h"
#include "filters/classify/answer_kind.h"
#include "filters/digest/digest.h"
#include "filters/idempotency/fingerprint.h"
#include "filters/intake/request_facts.h"
#include "filters/json/canonical_json.h"

namespace outrigger::filters {
namespace {

// Changes whenever anything below does: entries on disk outlive the program that wrote them.
constexpr std::string_view kFormat = "outrigger prompt 1";

// By the body a stream is told from a document (in other APIs by the path, the query or Accept,
// which count anyway): that is never ignored, or one would be given for the other.
constexpr std::string_view kStream = "/stream";

std::optional<std::string> canonical(std::string_view body,
                                     const std::vector<std::string>& ignore) {
  if (std::ranges::find(ignore, kStream) == ignore.end()) return canonical_json(body, ignore);
  std::vector<std::string> others = ignore;
  std::erase(others, kStream);
  return canonical_json(body, others);
}

}  // namespace

std::expected<CacheKey, PromptBar> prompt_key(const http::RequestHead& head, std::string_view body,
                                              const config::Cache& policy,
                                              const PromptPlace& place) {
  if (!is_identity(head.headers)) return std::unexpected(PromptBar::kCoded);
  if (!is_json(head.headers)) return std::unexpected(PromptBar::kNotJson);
  if (body.size() > kLargestPrompt) return std::unexpected(PromptBar::kTooLarge);
  const auto text = canonical(body, policy.ignore);
  if (!text) return std::unexpected(PromptBar::kAmbiguous);
  Sha256 sha256;
  sha256.add_part(kFormat);
  sha256.add_part(place.upstream);
  sha256.add_part(place.owner);
  sha256.add_part(std::to_string(place.sample));
  sha256.add_part(head.method_text);
  sha256.add_part(fingerprinted_target(head.target));
  sha256.add_part(shaping_headers(head.headers, policy.headers));
  sha256.add(*text);
  return sha256.finish();
}

}  // namespace outrigger::filters
