// LevelDB's files on a disk that fails when a test says so: the n-th write is cut short (as a full
// disk does), the n-th sync fails, and a power cut loses what was not synced, and the names of
// files whose folder was not.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include <leveldb/env.h>

namespace outrigger::store {

class FaultEnv final : public leveldb::EnvWrapper {
 public:
  FaultEnv() : leveldb::EnvWrapper(leveldb::Env::Default()) {}

  // The n-th append from now on, counted from 1, writes half of its bytes and fails; once.
  void cut_append(std::int64_t n) { appends_left_ = n; }
  // The n-th sync from now on fails; once.
  void fail_sync(std::int64_t n) { syncs_left_ = n; }
  // Every append fails until further notice, as on a full disk.
  void set_full(bool full) { full_ = full; }
  // Whether a planned fault has happened.
  [[nodiscard]] bool hit() const { return appends_left_ <= 0 && syncs_left_ <= 0; }
  [[nodiscard]] std::int64_t appends() const { return appends_; }
  [[nodiscard]] std::int64_t syncs() const { return syncs_; }

  // Keep writing, but nothing of it outlives the power cut any more.
  void cut_power();
  // What a disk has after the cut: call it when the database is closed.
  void lose_unsynced();

  leveldb::Status NewWritableFile(const std::string& name, leveldb::WritableFile** file) override;
  leveldb::Status NewAppendableFile(const std::string& name, leveldb::WritableFile** file) override;
  leveldb::Status RenameFile(const std::string& from, const std::string& to) override;
  leveldb::Status RemoveFile(const std::string& name) override;

 private:
  class File;
  bool takes_append();
  bool takes_sync();
  void synced(const std::string& name, std::uint64_t size);

  std::mutex mutex_;
  bool full_ = false;
  bool powered_ = true;
  std::int64_t appends_left_ = 0, syncs_left_ = 0;
  std::int64_t appends_ = 0, syncs_ = 0;
  std::map<std::string, std::uint64_t> durable_;  // bytes of a file that a power cut leaves
};

}  // namespace outrigger::store
