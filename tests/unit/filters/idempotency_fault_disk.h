// LevelDB's files on a disk in memory that goes wrong at the n-th operation, and what a power cut
// leaves of them (durability 5.2, L1 and L2). Reads and writes are operations, locks and the log
// for people are not. Any thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <leveldb/env.h>

namespace outrigger::filters {

enum class DiskFault : std::uint8_t {
  kNone,
  kRefused,   // it does not happen: EIO. Of a sync: what it was to keep never comes to the disk
  kCutShort,  // half of it happens: ENOSPC
  kFull,      // the same, and for all that write from then on
  kPowerCut,  // a part of it may happen, and nothing after it
};

// What a power cut leaves of what was not synced.
enum class Remains : std::uint8_t {
  kSynced,  // nothing
  kAll,
  kTorn,  // of each file some, as chance will have it; and what was removed may be there again
};

class FaultDisk final : public leveldb::EnvWrapper {
 public:
  FaultDisk() : leveldb::EnvWrapper(leveldb::Env::Default()) {}

  // The n-th operation from now on, counted from 1, meets this.
  void plan(DiskFault fault, std::int64_t n);
  // Nothing fails any more.
  void heal();
  [[nodiscard]] bool hit() const;
  [[nodiscard]] bool powerless() const;
  [[nodiscard]] std::int64_t operations() const;

  struct File {
    std::string bytes;
    std::size_t synced = 0;
    bool failed = false;  // a sync has: what is not synced by now will never be
  };
  struct Contents {
    std::map<std::string, File> files, removed;
  };
  [[nodiscard]] Contents contents() const;
  // Another disk, without faults. Nobody has a file open.
  void put(Contents contents);
  // What there is after a power cut.
  [[nodiscard]] static Contents after_power_cut(const Contents& before, Remains remains,
                                                std::uint64_t seed);

  leveldb::Status NewSequentialFile(const std::string& name,
                                    leveldb::SequentialFile** file) override;
  leveldb::Status NewRandomAccessFile(const std::string& name,
                                      leveldb::RandomAccessFile** file) override;
  leveldb::Status NewWritableFile(const std::string& name, leveldb::WritableFile** file) override;
  leveldb::Status NewAppendableFile(const std::string& name, leveldb::WritableFile** file) override;
  bool FileExists(const std::string& name) override;
  leveldb::Status GetChildren(const std::string& folder, std::vector<std::string>* names) override;
  leveldb::Status RemoveFile(const std::string& name) override;
  leveldb::Status CreateDir(const std::string&) override { return {}; }
  leveldb::Status RemoveDir(const std::string&) override { return {}; }
  leveldb::Status GetFileSize(const std::string& name, std::uint64_t* size) override;
  leveldb::Status RenameFile(const std::string& from, const std::string& to) override;
  leveldb::Status LockFile(const std::string& name, leveldb::FileLock** lock) override;
  leveldb::Status UnlockFile(leveldb::FileLock* lock) override;
  leveldb::Status NewLogger(const std::string& name, leveldb::Logger** logger) override;

 private:
  class Reading;
  class Random;
  class Writing;
  using Kept = std::shared_ptr<File>;
  enum class Way : std::uint8_t { kRead, kWrite };
  enum class Extent : std::uint8_t { kAll, kPart, kNothing };
  struct Course {
    Extent extent = Extent::kAll;
    leveldb::Status status;
  };
  // Of the next operation.
  Course next(Way way);
  bool happens(const Course& course) const;
  Kept find(const std::string& name) const;
  leveldb::Status append(File& file, std::string_view data);
  leveldb::Status sync(File& file);
  leveldb::Status read(const File& file, std::uint64_t offset, std::size_t size,
                       leveldb::Slice* result, char* room);

  mutable std::mutex mutex_;
  std::map<std::string, Kept> files_;
  std::map<std::string, Kept> removed_;  // since a name was made: the folder is synced with that
  std::set<std::string> locks_;
  DiskFault fault_ = DiskFault::kNone;
  std::int64_t left_ = 0;  // operations until it
  std::int64_t operations_ = 0;
  bool hit_ = false;
};

}  // namespace outrigger::filters
