// A LevelDB that may be lost: what is in it can be had again. So no write is waited for, and
// whatever is wrong with it, it is removed and begun anew; nothing beside its folder is touched.
// Values are sealed as in the store. See FORMAT.md. One thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <leveldb/db.h>
#include <leveldb/env.h>
#include <leveldb/write_batch.h>

#include "proxy/base/result.h"
#include "proxy/base/secret.h"
#include "proxy/store/seal.h"

namespace outrigger::store {

// Error reasons: `store_busy`, another process has it open; `store_corrupt`, what is on disk is not
// what was written; `store_io`, the system refused. After any of them in get(), scan() or write()
// nothing of it is to be trusted: begin_anew().
class CacheDatabase {
 public:
  struct Setup {
    std::string path;             // a folder of its own
    std::string version;          // of what is kept: another one is no use
    std::uint64_t bytes = 0;      // that its files may have, about: it buffers less for less
    Secret encryption_key;        // empty: values are authenticated, not encrypted
    leveldb::Env* env = nullptr;  // of tests; outlives it. nullptr: the system's
  };
  // What cannot be used is removed, and lost() says why. Errors: `store_busy`, and then nothing was
  // touched; `store_io`.
  static Result<std::unique_ptr<CacheDatabase>> open(Setup setup);
  ~CacheDatabase();
  CacheDatabase(const CacheDatabase&) = delete;
  CacheDatabase& operator=(const CacheDatabase&) = delete;

  // Why what was there when it was opened is gone; empty: it is not.
  [[nodiscard]] const std::string& lost() const noexcept { return lost_; }

  // Keys must not begin with '!', which is its own. `bound`: what the value belongs to, besides
  // its key: it is not opened for anything else.
  void put(leveldb::WriteBatch& batch, std::string_view key, std::string_view bound,
           std::string_view value) const;
  [[nodiscard]] Result<std::optional<std::string>> get(std::string_view key,
                                                       std::string_view bound) const;
  // Calls `visit` for the keys that begin with `prefix`, whose values are bound to nothing, in
  // order, from `first` on; until it returns false.
  using Visit = std::function<bool(std::string_view key, std::string_view value)>;
  Status scan(std::string_view prefix, std::string_view first, const Visit& visit) const;

  enum class Until : std::uint8_t {
    kSystem,  // it outlives the process
    kDisk,    // and a power cut
  };
  Status write(leveldb::WriteBatch& batch, Until until);

  // Of the files that hold what is kept, and what has gone and was not given back yet.
  [[nodiscard]] std::uint64_t file_bytes() const;
  // Gives back the room of what has gone, from `first` up to `last`. Takes as long as it takes to
  // write what is there.
  void compact(std::string_view first, std::string_view last);

  // Removes all that was in it, for good, and opens it empty. Error: it is closed, and only this
  // opens it again.
  Status begin_anew();

 private:
  explicit CacheDatabase(Setup setup);
  Status open_files();
  Status take_seal();
  Status make_seal();

  const Setup setup_;
  std::unique_ptr<const leveldb::FilterPolicy> filter_;
  std::unique_ptr<leveldb::DB> db_;  // null: closed
  std::optional<Seal> seal_;
  std::string lost_;
};

}  // namespace outrigger::store
