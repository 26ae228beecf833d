#include "filters/idempotency/record_secret.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "proxy/base/random.h"

namespace outrigger::filters {
namespace {

constexpr std::string_view kName = "m/names";

}  // namespace

RecordSecret random_record_secret() noexcept {
  RecordSecret secret;
  for (std::size_t at = 0; at < secret.size(); at += sizeof(std::uint64_t)) {
    const std::uint64_t bits = secure_seed();
    std::memcpy(secret.data() + at, &bits, sizeof bits);
  }
  return secret;
}

Result<std::optional<RecordSecret>> load_record_secret(const store::Store& store) {
  const auto found = store.get(kName);
  if (!found) return std::unexpected(found.error());
  if (!*found || (*found)->size() != RecordSecret{}.size()) return std::nullopt;
  RecordSecret secret;
  std::ranges::copy(**found, secret.begin());
  return secret;
}

void put_record_secret(store::Batch& batch, const RecordSecret& secret) {
  batch.put(std::string(kName), std::string(secret.begin(), secret.end()));
}

}  // namespace outrigger::filters
