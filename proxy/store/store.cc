#include "proxy/store/store.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "proxy/base/wall_clock.h"

namespace outrigger::store {
namespace {

// The store's own keys, unsealed.
constexpr std::string_view kVersionKey = "!version";
constexpr std::string_view kSealKey = "!seal";
constexpr std::string_view kNextSealKey = "!seal.next";
constexpr std::string_view kVersion = "1";
constexpr std::size_t kCopiedAtOnce = 1000;

bool is_own(std::string_view key) noexcept {
  return key.starts_with('!');
}

leveldb::Slice slice(std::string_view text) {
  return {text.data(), text.size()};
}

std::string printable(std::string_view key) {
  std::string out;
  for (const char c : key) {
    if (c >= ' ' && c <= '~' && c != '\\') {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

Status make_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error) {
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  }
  if (!error) return {};
  return fail(Errc::kSystem, Origin::kProxy, "store_io",
              fmt::format("{}: {}", folder, error.message()));
}

// By the operator's key or the one before it.
struct Unwrapped {
  Seal seal;
  bool by_previous;
};
Result<Unwrapped> unwrap(std::string_view wrapped, const Store::Setup& setup) {
  Result<Seal> seal = Seal::unwrap(wrapped, setup.encryption_key);
  if (seal) return Unwrapped{*seal, false};
  const bool other_key = seal.error().reason == "store_key";
  if (other_key && !setup.encryption_key.empty() && !setup.previous_key.empty()) {
    const Result<Seal> before = Seal::unwrap(wrapped, setup.previous_key);
    if (before) return Unwrapped{*before, true};
  }
  return std::unexpected(std::move(seal).error());
}

}  // namespace

bool Store::exists(const std::string& folder) {
  std::error_code error;
  return std::filesystem::exists(folder + "/state/CURRENT", error);
}

Store::Store(std::unique_ptr<DurableEnv> env, std::unique_ptr<Database> database)
    : env_(std::move(env)), database_(std::move(database)) {}

Result<std::unique_ptr<Store>> Store::open(const Setup& setup) {
  const std::string path = setup.folder + "/state";
  const bool use = setup.mode == Mode::kUse;
  if (use) {
    if (Status made = make_folder(path); !made) return std::unexpected(std::move(made).error());
  }
  leveldb::Env* below = setup.env != nullptr ? setup.env : leveldb::Env::Default();
  auto env = std::make_unique<DurableEnv>(below);
  auto database =
      Database::open(path, *env, use ? Database::Missing::kCreate : Database::Missing::kRefuse);
  if (!database) return std::unexpected(std::move(database).error());
  auto store = std::unique_ptr<Store>(new Store(std::move(env), std::move(*database)));
  if (Status begun = store->begin(setup); !begun) {
    return std::unexpected(std::move(begun).error());
  }
  return store;
}

Status Store::begin(const Setup& setup) {
  const auto version = database_->get(kVersionKey);
  if (!version) return std::unexpected(version.error());
  if (!*version) {
    if (Status empty = refuse_records(); !empty) return empty;
    return make_seal(setup.encryption_key);
  }
  if (**version != kVersion) {
    return fail(Errc::kSystem, Origin::kProxy, "store_version",
                fmt::format("the store has version {}; this program knows version {}",
                            printable(**version), kVersion));
  }
  const auto wrapped = database_->get(kSealKey);
  if (!wrapped) return std::unexpected(wrapped.error());
  auto seal = unwrap(wrapped->value_or(""), setup);
  if (!seal) return std::unexpected(std::move(seal).error());
  seal_ = seal->seal;
  const auto begun = database_->get(kNextSealKey);
  if (!begun) return std::unexpected(begun.error());
  if (*begun) {
    const auto next = unwrap(**begun, setup);
    if (!next) return std::unexpected(next.error());
    next_ = next->seal;
  }
  if (setup.mode == Mode::kAsItIs) return {};
  if (seal->by_previous) {
    leveldb::WriteBatch batch;
    batch.Put(slice(kSealKey), seal_->wrapped(setup.encryption_key));
    if (Status written = database_->write(batch); !written) return written;
    return database_->compact();  // the key as it was wrapped before
  }
  if (seal_->kind() == Seal::Kind::kEncrypted || setup.encryption_key.empty()) return {};
  return encrypt_all(setup.encryption_key);
}

// What has no version has nothing at all, or lost it.
Status Store::refuse_records() const {
  Status status;
  const Status scanned = database_->scan("", [&](std::string_view, std::string_view) {
    status = fail(Errc::kSystem, Origin::kProxy, "store_corrupt",
                  "the store has records and no version: a copy that broke off?");
    return false;
  });
  return scanned ? status : scanned;
}

// A new store.
Status Store::make_seal(const Secret& encryption_key) {
  seal_ = Seal::make(encryption_key.empty() ? Seal::Kind::kAuthenticated : Seal::Kind::kEncrypted);
  leveldb::WriteBatch batch;
  batch.Put(slice(kVersionKey), slice(kVersion));
  batch.Put(slice(kSealKey), seal_->wrapped(encryption_key));
  return database_->write(batch);
}

// Part by part, and each record says by its first byte how it is sealed: a crash in between is gone
// on from at the next start, by the key that is kept in kNextSealKey until all is done.
Status Store::encrypt_all(const Secret& encryption_key) {
  if (!next_) next_ = Seal::make(Seal::Kind::kEncrypted);
  leveldb::WriteBatch first;
  first.Put(slice(kNextSealKey), next_->wrapped(encryption_key));
  if (Status written = database_->write(first); !written) return written;
  Status sealed = each_part([&](const Pairs& pairs) -> Status {
    leveldb::WriteBatch batch;
    for (const auto& [key, value] : pairs) {
      if (is_own(key)) continue;
      const Result<std::string> plain = open_record(key, value);
      if (!plain) return std::unexpected(plain.error());
      batch.Put(key, next_->close(key, *plain));
    }
    return database_->write(batch);
  });
  if (!sealed) return sealed;
  leveldb::WriteBatch last;
  last.Put(slice(kSealKey), next_->wrapped(encryption_key));
  last.Delete(slice(kNextSealKey));
  if (Status written = database_->write(last); !written) return written;
  seal_ = *next_;
  next_.reset();
  return database_->compact();  // what was written without a key
}

Status Store::each_part(const std::function<Status(const Pairs&)>& take) const {
  std::string first;
  for (;;) {
    Pairs pairs;
    const Status scanned = database_->scan(
        "",
        [&](std::string_view key, std::string_view value) {
          pairs.emplace_back(key, value);
          return pairs.size() < kCopiedAtOnce;
        },
        first);
    if (!scanned) return scanned;
    if (pairs.empty()) return {};
    if (Status taken = take(pairs); !taken) return taken;
    first = pairs.back().first + '\0';  // the next key that there could be
  }
}

Result<std::string> Store::open_record(std::string_view key, std::string_view sealed) const {
  const bool done = next_ && sealed.starts_with(static_cast<char>(Seal::Kind::kEncrypted));
  return done ? next_->open(key, sealed) : seal_->open(key, sealed);
}

Result<std::optional<std::string>> Store::get(std::string_view key) const {
  auto sealed = database_->get(key);
  if (!sealed || !*sealed) return sealed;
  Result<std::string> plain = open_record(key, **sealed);
  if (!plain) return std::unexpected(std::move(plain).error());
  return std::optional(std::move(*plain));
}

Status Store::scan_from(std::string_view prefix, std::string_view from, const Visit& visit) const {
  Status status;
  const auto open_and_visit = [&](std::string_view key, std::string_view sealed) {
    if (is_own(key)) return true;
    const Result<std::string> plain = open_record(key, sealed);
    if (!plain) status = std::unexpected(plain.error());
    return plain && visit(key, *plain);
  };
  Status scanned = database_->scan(prefix, open_and_visit, from);
  return scanned ? status : scanned;
}

Status Store::write(const Batch& batch) {
  leveldb::WriteBatch changes;
  for (const Batch::Change& change : batch.changes_) {
    if (change.value) {
      changes.Put(change.key, seal_->close(change.key, *change.value));
    } else {
      changes.Delete(change.key);
    }
  }
  return database_->write(changes);
}

Result<Findings> Store::check() const {
  Findings found;
  Status scanned = database_->scan("", [&](std::string_view key, std::string_view sealed) {
    if (is_own(key)) return true;
    ++found.records;
    found.bytes += key.size() + sealed.size();
    if (open_record(key, sealed)) return true;
    ++found.damaged_records;
    if (found.damaged.size() < Findings::kMostNamed) found.damaged.push_back(printable(key));
    return true;
  });
  if (!scanned) return std::unexpected(std::move(scanned).error());
  return found;
}

Status Store::back_up_to(const std::string& folder) const {
  namespace fs = std::filesystem;
  const auto io = [](const std::string& detail) {
    return fail(Errc::kSystem, Origin::kProxy, "store_io", detail);
  };
  std::error_code error;
  if (fs::exists(folder, error) && !fs::is_empty(folder, error)) {
    return io(folder + " is there already and not empty");
  }
  const std::string part = folder + "/state.part";
  if (Status made = make_folder(part); !made) return made;
  Status copied = copy_to(part);
  if (copied) {
    const leveldb::Status renamed = env_->RenameFile(part, folder + "/state");
    if (renamed.ok()) return {};
    copied = io(renamed.ToString());
  }
  fs::remove_all(part, error);
  return copied;
}

Status Store::copy_to(const std::string& path) const {
  auto copy = Database::open(path, *env_, Database::Missing::kCreate);
  if (!copy) return std::unexpected(std::move(copy).error());
  Status copied = each_part([&](const Pairs& pairs) {
    leveldb::WriteBatch batch;
    for (const auto& [key, value] : pairs) batch.Put(key, value);
    return (*copy)->write(batch);
  });
  if (!copied) return copied;
  leveldb::WriteBatch mark;
  mark.Put(slice(kBackupName),
           seal_->close(kBackupName, std::to_string(WallClock::system() / 1000)));
  return (*copy)->write(mark);
}

}  // namespace outrigger::store
