#include "proxy/store/store.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

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

}  // namespace

bool Store::exists(const std::string& folder) {
  std::error_code error;
  return std::filesystem::exists(folder + "/state/CURRENT", error);
}

Store::Store(std::unique_ptr<DurableEnv> env, std::unique_ptr<Database> database)
    : env_(std::move(env)), database_(std::move(database)) {}

Result<std::unique_ptr<Store>> Store::open(const Setup& setup) {
  const std::string path = setup.folder + "/state";
  if (Status made = make_folder(path); !made) return std::unexpected(std::move(made).error());
  leveldb::Env* below = setup.env != nullptr ? setup.env : leveldb::Env::Default();
  auto env = std::make_unique<DurableEnv>(below);
  auto database = Database::open(path, *env, Database::Missing::kCreate);
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
  if (!*version) return make_seal(setup.encryption_key);
  if (**version != kVersion) {
    return fail(Errc::kSystem, Origin::kProxy, "store_version",
                fmt::format("the store has version {}; this program knows version {}",
                            printable(**version), kVersion));
  }
  const auto wrapped = database_->get(kSealKey);
  if (!wrapped) return std::unexpected(wrapped.error());
  if (Status unwrapped = unwrap(wrapped->value_or(""), setup); !unwrapped) return unwrapped;
  if (seal_->kind() == Seal::Kind::kEncrypted || setup.encryption_key.empty()) return {};
  return encrypt_all(setup.encryption_key);
}

// A new store.
Status Store::make_seal(const Secret& encryption_key) {
  seal_ = Seal::make(encryption_key.empty() ? Seal::Kind::kAuthenticated : Seal::Kind::kEncrypted);
  leveldb::WriteBatch batch;
  batch.Put(slice(kVersionKey), slice(kVersion));
  batch.Put(slice(kSealKey), seal_->wrapped(encryption_key));
  return database_->write(batch);
}

// By the operator's key or the one before it, which from then on is not needed any more.
Status Store::unwrap(std::string_view wrapped, const Setup& setup) {
  Result<Seal> seal = Seal::unwrap(wrapped, setup.encryption_key);
  if (seal) {
    seal_ = *seal;
    return {};
  }
  const bool other_key = seal.error().reason == "store_key";
  if (!other_key || setup.encryption_key.empty() || setup.previous_key.empty()) {
    return std::unexpected(std::move(seal).error());
  }
  const Result<Seal> before = Seal::unwrap(wrapped, setup.previous_key);
  if (!before) return std::unexpected(std::move(seal).error());
  seal_ = *before;
  leveldb::WriteBatch batch;
  batch.Put(slice(kSealKey), seal_->wrapped(setup.encryption_key));
  return database_->write(batch);
}

// Record by record, and each says by its first byte how it is sealed: a crash in between is gone on
// from at the next start, by the key that is kept in kNextSealKey until all is done.
Status Store::encrypt_all(const Secret& encryption_key) {
  const auto begun = database_->get(kNextSealKey);
  if (!begun) return std::unexpected(begun.error());
  Result<Seal> next = *begun ? Seal::unwrap(**begun, encryption_key)
                             : Result<Seal>(Seal::make(Seal::Kind::kEncrypted));
  if (!next) return std::unexpected(std::move(next).error());
  leveldb::WriteBatch batch;
  batch.Put(slice(kNextSealKey), next->wrapped(encryption_key));
  std::size_t waiting = 1;
  Status status;
  const auto seal_anew = [&](std::string_view key, std::string_view value) {
    const bool done = is_own(key) || next->open(key, value);
    if (done) return true;
    const Result<std::string> plain = seal_->open(key, value);
    if (!plain) {
      status = std::unexpected(plain.error());
      return false;
    }
    batch.Put(slice(key), next->close(key, *plain));
    if (++waiting < kCopiedAtOnce) return true;
    status = database_->write(batch);
    batch.Clear();
    waiting = 0;
    return status.has_value();
  };
  Status scanned = database_->scan("", seal_anew);
  if (!scanned) return scanned;
  if (!status) return status;
  batch.Put(slice(kSealKey), next->wrapped(encryption_key));
  batch.Delete(slice(kNextSealKey));
  seal_ = *next;
  return database_->write(batch);
}

Result<std::optional<std::string>> Store::get(std::string_view key) const {
  auto sealed = database_->get(key);
  if (!sealed || !*sealed) return sealed;
  Result<std::string> plain = seal_->open(key, **sealed);
  if (!plain) return std::unexpected(std::move(plain).error());
  return std::optional(std::move(*plain));
}

Status Store::scan(std::string_view prefix, const Visit& visit) const {
  Status status;
  Status scanned = database_->scan(prefix, [&](std::string_view key, std::string_view sealed) {
    if (is_own(key)) return true;
    const Result<std::string> plain = seal_->open(key, sealed);
    if (!plain) status = std::unexpected(plain.error());
    return plain && visit(key, *plain);
  });
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
    if (seal_->open(key, sealed)) return true;
    ++found.damaged_records;
    if (found.damaged.size() < Findings::kMostNamed) found.damaged.push_back(printable(key));
    return true;
  });
  if (!scanned) return std::unexpected(std::move(scanned).error());
  return found;
}

Status Store::back_up_to(const std::string& folder) const {
  const std::string path = folder + "/state";
  if (exists(folder)) {
    return fail(Errc::kSystem, Origin::kProxy, "store_io", path + " is there already");
  }
  if (Status made = make_folder(path); !made) return made;
  auto copy = Database::open(path, *env_, Database::Missing::kCreate);
  if (!copy) return std::unexpected(std::move(copy).error());
  leveldb::WriteBatch batch;
  std::size_t waiting = 0;
  Status status;
  Status scanned = database_->scan("", [&](std::string_view key, std::string_view value) {
    batch.Put(slice(key), slice(value));
    if (++waiting < kCopiedAtOnce) return true;
    status = (*copy)->write(batch);
    batch.Clear();
    waiting = 0;
    return status.has_value();
  });
  if (!scanned) return scanned;
  if (!status) return status;
  return (*copy)->write(batch);
}

}  // namespace outrigger::store
