// A LevelDB whose acknowledged writes are there after a crash, a full disk and a failed write. Each
// batch is synced; after any write that failed the database is closed and opened again before the
// next one, because LevelDB goes on behind a half-written record and loses what follows without a
// word (durability 0, facts 1 and 2). One thread writes; any thread reads.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>

#include <leveldb/db.h>
#include <leveldb/env.h>
#include <leveldb/write_batch.h>

#include "proxy/base/result.h"

namespace outrigger::store {

// Error reasons: `store_busy`, another process has it open; `store_corrupt`, what is on disk is not
// what was written; `store_io`, the system refused. All kSystem, origin proxy.
class Database {
 public:
  enum class Missing : std::uint8_t { kCreate, kRefuse };
  // `env` outlives the database.
  static Result<std::unique_ptr<Database>> open(std::string path, leveldb::Env& env,
                                                Missing missing);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Error: nothing of the batch counts, or all of it: the caller must not say that it was done, and
  // looks again before it says that it was not. What was acknowledged before is there.
  Status write(leveldb::WriteBatch& batch);

  [[nodiscard]] Result<std::optional<std::string>> get(std::string_view key) const;
  // Calls `visit` for the keys that begin with `prefix`, in order, as of now, from `first` on where
  // that lies behind the prefix; until it returns false. `visit` must not write.
  using Visit = std::function<bool(std::string_view key, std::string_view value)>;
  Status scan(std::string_view prefix, const Visit& visit, std::string_view first = {}) const;

  // Gives back the room of what was deleted. Takes long.
  Status compact();
  // Opens it again where that failed after a write that did; for whoever only reads. On the thread
  // that writes.
  void revive();
  // How often it was opened again after a failed write.
  [[nodiscard]] std::uint64_t reopened() const noexcept { return reopened_; }

 private:
  Database(std::string path, leveldb::Env& env);
  Status open_files(Missing missing);
  Status reopen();

  const std::string path_;
  leveldb::Env& env_;
  std::unique_ptr<const leveldb::FilterPolicy> filter_;
  mutable std::shared_mutex mutex_;  // shared: uses db_; alone: replaces it
  std::unique_ptr<leveldb::DB> db_;  // null while it could not be opened again
  std::uint64_t reopened_ = 0;
};

}  // namespace outrigger::store
