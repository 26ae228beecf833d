#include "filters/retry/cooldown_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "proxy/base/json_writer.h"
#include "proxy/net/fd.h"

namespace outrigger::filters {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kLargestFile = 8 * 1024 * 1024;
constexpr std::size_t kHexDigits = 16;

std::unexpected<Error> failed(std::string_view what, const std::string& path) {
  return fail(Errc::kSystem, Origin::kProxy, "store_io",
              fmt::format("{} {}: {}", what, path, strerrordesc_np(errno)));
}

std::optional<std::uint64_t> from_hex(std::string_view text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value, 16);
  if (text.size() != kHexDigits || error != std::errc() || at != end) return std::nullopt;
  return value;
}

// The text of one member; nullptr when it is missing or no text.
const std::string* text_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

std::optional<SavedCooldown> parse_one(const Json& object) {
  if (!object.is_object() || object.size() != 5) return std::nullopt;
  const std::string* upstream = text_of(object, "upstream");
  const std::string* model = text_of(object, "model");
  const std::string* credential = text_of(object, "credential");
  const std::string* verdict = text_of(object, "verdict");
  const auto until = object.find("until_ms");
  if (upstream == nullptr || model == nullptr || credential == nullptr || verdict == nullptr) {
    return std::nullopt;
  }
  if (until == object.end() || !until->is_number_unsigned()) return std::nullopt;
  const auto hash = from_hex(*credential);
  const auto known = verdict_of(*verdict);
  const auto ms = until->get<std::uint64_t>();
  if (!hash || !known || !begins_cooldown(*known) || ms > INT64_MAX / 2) return std::nullopt;
  return SavedCooldown{{*upstream, *model, *hash}, *known, static_cast<std::int64_t>(ms)};
}

// Nothing with errno 0 when the file is larger than it may be.
std::optional<std::string> read_file(const std::string& path, std::size_t most) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return std::nullopt;
  std::string text;
  char part[4096];
  for (;;) {
    const ssize_t count = ::read(file.get(), part, sizeof part);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::nullopt;
    if (count == 0) return text;
    text.append(part, static_cast<std::size_t>(count));
    if (text.size() > most) {
      errno = 0;
      return std::nullopt;
    }
  }
}

Status write_all(const std::string& path, std::string_view text) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.valid()) return failed("writing", path);
  while (!text.empty()) {
    const ssize_t count = ::write(file.get(), text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return failed("writing", path);
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  if (::fsync(file.get()) != 0) return failed("writing", path);
  return {};
}

Status replace_file(const std::string& path, std::string_view text) {
  const std::string next = path + ".next";
  if (Status status = write_all(next, text); !status) {
    ::unlink(next.c_str());
    return status;
  }
  if (::rename(next.c_str(), path.c_str()) != 0) return failed("replacing", path);
  return {};
}

}  // namespace

std::optional<std::vector<SavedCooldown>> parse_cooldowns(std::string_view text) {
  const Json document = Json::parse(text, nullptr, false);
  if (!document.is_object() || document.size() != 2) return std::nullopt;
  const auto version = document.find("version");
  const auto list = document.find("cooldowns");
  if (version == document.end() || *version != 1) return std::nullopt;
  if (list == document.end() || !list->is_array()) return std::nullopt;
  std::vector<SavedCooldown> saved;
  for (const Json& one : *list) {
    auto cooldown = parse_one(one);
    if (!cooldown) return std::nullopt;
    saved.push_back(std::move(*cooldown));
  }
  return saved;
}

std::string print_cooldowns(const std::vector<SavedCooldown>& saved) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("version", 1);
  json.key("cooldowns");
  json.begin_array();
  for (const SavedCooldown& one : saved) {
    json.begin_object();
    json.member("upstream", one.key.upstream);
    json.member("model", one.key.model);
    json.member("credential", fmt::format("{:016x}", one.key.credential));
    json.member("verdict", to_string(one.verdict));
    json.member("until_ms", one.until_ms);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  out += '\n';
  return out;
}

std::vector<SavedCooldown> load_cooldowns(const std::string& path, Logger& log) {
  const std::optional<std::string> text = read_file(path, kLargestFile);
  if (!text && errno == ENOENT) return {};
  std::optional<std::vector<SavedCooldown>> saved;
  if (text) saved = parse_cooldowns(*text);
  if (saved) return std::move(*saved);
  const std::string aside = path + ".broken";
  const bool moved = ::rename(path.c_str(), aside.c_str()) == 0;
  log.warn("retry", "the file of cooldowns cannot be read: they begin anew",
           {{"path", path}, {"moved_to", moved ? aside : std::string()}});
  return {};
}

Status save_cooldowns(const std::string& path, const std::vector<SavedCooldown>& saved) {
  return replace_file(path, print_cooldowns(saved));
}

std::optional<SipKey> load_credential_key(const std::string& path) {
  const auto text = read_file(path, 2 * kHexDigits + 1);
  if (!text) return std::nullopt;
  const std::string_view view = *text;
  const auto first = from_hex(view.substr(0, kHexDigits));
  const auto second = from_hex(view.substr(std::min(view.size(), kHexDigits), kHexDigits));
  if (!first || !second || view.substr(2 * kHexDigits) != "\n") return std::nullopt;
  return SipKey{*first, *second};
}

Status save_credential_key(const std::string& path, const SipKey& key) {
  return replace_file(path, fmt::format("{:016x}{:016x}\n", key[0], key[1]));
}

}  // namespace outrigger::filters
