// What must outlive the process: sealed records in one LevelDB, every batch synced before it counts
// (DESIGN 5, durability 4.5). See FORMAT.md. One thread writes; any thread reads.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/base/secret.h"
#include "proxy/store/database.h"
#include "proxy/store/durable_env.h"
#include "proxy/store/seal.h"

namespace outrigger::store {

// Changes that happen together or not at all.
class Batch {
 public:
  void put(std::string key, std::string value) {
    changes_.push_back({std::move(key), std::move(value)});
  }
  void erase(std::string key) { changes_.push_back({std::move(key), std::nullopt}); }
  [[nodiscard]] bool empty() const noexcept { return changes_.empty(); }
  // Makes the same changes to something else that has put() and erase().
  template <class To>
  void apply(To& to) const {
    for (const Change& change : changes_) {
      change.value ? to.put(change.key, *change.value) : to.erase(change.key);
    }
  }

 private:
  friend class Store;
  struct Change {
    std::string key;
    std::optional<std::string> value;  // nothing: erased
  };
  std::vector<Change> changes_;
};

// What a look at every record found.
struct Findings {
  std::size_t records = 0;
  std::size_t bytes = 0;             // of keys and values, as they are on disk
  std::vector<std::string> damaged;  // keys, printable, at most kMostNamed
  std::size_t damaged_records = 0;
  static constexpr std::size_t kMostNamed = 20;
};

class Store {
 public:
  // In a copy: milliseconds since 1970, as text.
  static constexpr std::string_view kBackupName = "m/backup";
  // kAsItIs changes no record and no key, and makes no store: for a look.
  enum class Mode : std::uint8_t { kUse, kAsItIs };
  struct Setup {
    std::string folder;           // of all data; the store is `state` in it
    Secret encryption_key;        // empty: records are authenticated, not encrypted
    Secret previous_key;          // what it was before: needed once after it was changed
    leveldb::Env* env = nullptr;  // of tests; outlives the store. nullptr: the system's
    Mode mode = Mode::kUse;
  };
  // A store that is there, or nothing.
  static bool exists(const std::string& folder);
  // Opens it, or makes it. A store that was not encrypted is encrypted when there is a key now:
  // every record is written anew before this returns, and what was there before is gone from its
  // files. Errors, besides those of Database: `store_key`; `store_version`, it was made by a later
  // version.
  static Result<std::unique_ptr<Store>> open(const Setup& setup);

  // Keys of records must not begin with '!', which is the store's own.
  [[nodiscard]] Result<std::optional<std::string>> get(std::string_view key) const;
  using Visit = std::function<bool(std::string_view key, std::string_view value)>;
  // In order of keys; a damaged record ends it with an error.
  Status scan(std::string_view prefix, const Visit& visit) const {
    return scan_from(prefix, {}, visit);
  }
  // From the first key on that is not before `from`.
  Status scan_from(std::string_view prefix, std::string_view from, const Visit& visit) const;
  // All of it, on disk, or an error, as of Database::write().
  Status write(const Batch& batch);

  // As of Database::revive().
  void revive() { database_->revive(); }

  // Reads every record and holds it against its seal.
  [[nodiscard]] Result<Findings> check() const;
  Status compact() { return database_->compact(); }
  // A copy, sealed alike, in an empty or new folder: `folder`/state, which is there when it is
  // whole, and not before. Its record kBackupName says when that was. Nobody writes meanwhile.
  Status back_up_to(const std::string& folder) const;
  [[nodiscard]] Seal::Kind kind() const noexcept { return seal_->kind(); }

 private:
  Store(std::unique_ptr<DurableEnv> env, std::unique_ptr<Database> database);
  Status begin(const Setup& setup);
  Status make_seal(const Secret& encryption_key);
  Status refuse_records() const;
  Status encrypt_all(const Secret& encryption_key);
  [[nodiscard]] Result<std::string> open_record(std::string_view key,
                                                std::string_view sealed) const;
  // All that is in the database, the store's own keys too, some at a time; `take` may write.
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  Status each_part(const std::function<Status(const Pairs&)>& take) const;
  Status copy_to(const std::string& path) const;

  std::unique_ptr<DurableEnv> env_;
  std::unique_ptr<Database> database_;
  std::optional<Seal> seal_;
  std::optional<Seal> next_;  // of a store that is being encrypted
};

}  // namespace outrigger::store
