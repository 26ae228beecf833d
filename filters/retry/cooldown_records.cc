#include "filters/retry/cooldown_records.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <fmt/format.h>

namespace outrigger::filters {
namespace {

constexpr std::string_view kPrefix = "cooldown/";
constexpr std::string_view kCredentialKey = "credential";
constexpr std::size_t kHexDigits = 16;

template <class Number>
std::optional<Number> number(std::string_view text, int base) {
  Number value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value, base);
  if (text.empty() || error != std::errc() || at != end) return std::nullopt;
  return value;
}

}  // namespace

// An upstream's name has no slash; a model's is the rest, whatever it has.
std::string cooldown_record_key(const CooldownKey& key) {
  return fmt::format("{}{:016x}/{}/{}", kPrefix, key.credential, key.upstream, key.model);
}

std::string cooldown_record_value(const SavedCooldown& saved) {
  return fmt::format("{} {}", to_string(saved.verdict), saved.until_ms);
}

std::optional<SavedCooldown> parse_cooldown_record(std::string_view key, std::string_view value) {
  if (!key.starts_with(kPrefix)) return std::nullopt;
  key.remove_prefix(kPrefix.size());
  const std::size_t slash = key.find('/', std::min(key.size(), kHexDigits + 1));
  if (slash == std::string_view::npos || key[kHexDigits] != '/') return std::nullopt;
  const auto credential = number<std::uint64_t>(key.substr(0, kHexDigits), 16);
  const std::size_t space = value.find(' ');
  if (!credential || space == std::string_view::npos) return std::nullopt;
  const auto verdict = verdict_of(value.substr(0, space));
  const auto until_ms = number<std::int64_t>(value.substr(space + 1), 10);
  if (!verdict || !begins_cooldown(*verdict) || !until_ms || *until_ms < 0) return std::nullopt;
  const std::string_view upstream = key.substr(kHexDigits + 1, slash - kHexDigits - 1);
  return SavedCooldown{{std::string(upstream), std::string(key.substr(slash + 1)), *credential},
                       *verdict,
                       *until_ms};
}

store::Batch cooldown_changes(const std::vector<SavedCooldown>& before,
                              const std::vector<SavedCooldown>& now) {
  store::Batch changes;
  for (const SavedCooldown& saved : now) {
    if (std::ranges::find(before, saved) != before.end()) continue;
    changes.put(cooldown_record_key(saved.key), cooldown_record_value(saved));
  }
  for (const SavedCooldown& saved : before) {
    if (std::ranges::find(now, saved.key, &SavedCooldown::key) == now.end()) {
      changes.erase(cooldown_record_key(saved.key));
    }
  }
  return changes;
}

Result<std::vector<SavedCooldown>> load_cooldowns(const store::Store& store) {
  std::vector<SavedCooldown> all;
  Status scanned = store.scan(kPrefix, [&](std::string_view key, std::string_view value) {
    if (auto saved = parse_cooldown_record(key, value)) all.push_back(std::move(*saved));
    return true;
  });
  if (!scanned) return std::unexpected(std::move(scanned).error());
  return all;
}

Result<std::optional<SipKey>> load_credential_key(const store::Store& store) {
  const auto kept = store.get(kCredentialKey);
  if (!kept) return std::unexpected(kept.error());
  SipKey key;
  if (!*kept || (*kept)->size() != sizeof key) return std::nullopt;
  std::memcpy(key.data(), (*kept)->data(), sizeof key);
  return std::optional(key);
}

void put_credential_key(store::Batch& batch, const SipKey& key) {
  batch.put(std::string(kCredentialKey),
            std::string(reinterpret_cast<const char*>(key.data()), sizeof key));
}

}  // namespace outrigger::filters
