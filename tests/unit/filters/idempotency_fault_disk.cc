#include "tests/unit/filters/idempotency_fault_disk.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace outrigger::filters {
namespace {

constexpr std::size_t kSector = 512;

leveldb::Status missing(const std::string& name) {
  return leveldb::Status::NotFound(name, "No such file or directory");
}

}  // namespace

class FaultDisk::Reading final : public leveldb::SequentialFile {
 public:
  Reading(FaultDisk& disk, Kept file) : disk_(disk), file_(std::move(file)) {}
  leveldb::Status Read(std::size_t size, leveldb::Slice* result, char* room) override {
    const leveldb::Status status = disk_.read(*file_, at_, size, result, room);
    if (status.ok()) at_ += result->size();
    return status;
  }
  leveldb::Status Skip(std::uint64_t size) override {
    at_ += size;
    return {};
  }

 private:
  FaultDisk& disk_;
  const Kept file_;
  std::uint64_t at_ = 0;
};

class FaultDisk::Random final : public leveldb::RandomAccessFile {
 public:
  Random(FaultDisk& disk, Kept file) : disk_(disk), file_(std::move(file)) {}
  leveldb::Status Read(std::uint64_t offset, std::size_t size, leveldb::Slice* result,
                       char* room) const override {
    return disk_.read(*file_, offset, size, result, room);
  }

 private:
  FaultDisk& disk_;
  const Kept file_;
};

class FaultDisk::Writing final : public leveldb::WritableFile {
 public:
  Writing(FaultDisk& disk, Kept file) : disk_(disk), file_(std::move(file)) {}
  leveldb::Status Append(const leveldb::Slice& data) override {
    return disk_.append(*file_, {data.data(), data.size()});
  }
  leveldb::Status Sync() override { return disk_.sync(*file_); }
  leveldb::Status Flush() override { return {}; }
  leveldb::Status Close() override { return {}; }

 private:
  FaultDisk& disk_;
  const Kept file_;
};

void FaultDisk::plan(DiskFault fault, std::int64_t n) {
  const std::scoped_lock lock(mutex_);
  fault_ = fault;
  left_ = n;
  hit_ = false;
}

void FaultDisk::heal() {
  const std::scoped_lock lock(mutex_);
  fault_ = DiskFault::kNone;
}

bool FaultDisk::hit() const {
  const std::scoped_lock lock(mutex_);
  return hit_;
}

bool FaultDisk::powerless() const {
  const std::scoped_lock lock(mutex_);
  return hit_ && fault_ == DiskFault::kPowerCut;
}

std::int64_t FaultDisk::operations() const {
  const std::scoped_lock lock(mutex_);
  return operations_;
}

FaultDisk::Course FaultDisk::next(Way way) {
  ++operations_;
  const bool now = fault_ != DiskFault::kNone && !hit_ && --left_ == 0;
  if (now) hit_ = true;
  const bool lasts = fault_ == DiskFault::kPowerCut || fault_ == DiskFault::kFull;
  if (!now && !(hit_ && lasts)) return {};
  switch (fault_) {
    case DiskFault::kPowerCut:
      return {now ? Extent::kPart : Extent::kNothing,
              leveldb::Status::IOError("disk", "the power is off")};
    case DiskFault::kCutShort:
    case DiskFault::kFull:
      if (way == Way::kRead) return {};
      return {Extent::kPart, leveldb::Status::IOError("disk", "No space left on device")};
    default:
      return {Extent::kNothing, leveldb::Status::IOError("disk", "Input/output error")};
  }
}

FaultDisk::Kept FaultDisk::find(const std::string& name) const {
  const auto found = files_.find(name);
  return found == files_.end() ? nullptr : found->second;
}

leveldb::Status FaultDisk::append(File& file, std::string_view data) {
  const std::scoped_lock lock(mutex_);
  const Course course = next(Way::kWrite);
  if (course.extent == Extent::kNothing) return course.status;
  file.bytes += course.extent == Extent::kAll ? data : data.substr(0, data.size() / 2);
  return course.status;
}

leveldb::Status FaultDisk::sync(File& file) {
  const std::scoped_lock lock(mutex_);
  const Course course = next(Way::kWrite);
  if (course.extent == Extent::kAll) {
    if (!file.failed) file.synced = file.bytes.size();
  } else if (fault_ != DiskFault::kPowerCut) {
    file.failed = true;
  }
  return course.status;
}

leveldb::Status FaultDisk::read(const File& file, std::uint64_t offset, std::size_t size,
                                leveldb::Slice* result, char* room) {
  const std::scoped_lock lock(mutex_);
  const Course course = next(Way::kRead);
  if (course.extent != Extent::kAll) return course.status;
  const std::string_view bytes = file.bytes;
  const std::string_view piece = bytes.substr(std::min<std::uint64_t>(offset, bytes.size()), size);
  std::memcpy(room, piece.data(), piece.size());
  *result = leveldb::Slice(room, piece.size());
  return {};
}

leveldb::Status FaultDisk::NewSequentialFile(const std::string& name,
                                             leveldb::SequentialFile** file) {
  const std::scoped_lock lock(mutex_);
  const Kept kept = find(name);
  if (kept == nullptr) return missing(name);
  *file = new Reading(*this, kept);
  return {};
}

leveldb::Status FaultDisk::NewRandomAccessFile(const std::string& name,
                                               leveldb::RandomAccessFile** file) {
  const std::scoped_lock lock(mutex_);
  const Kept kept = find(name);
  if (kept == nullptr) return missing(name);
  *file = new Random(*this, kept);
  return {};
}

// What makes, renames and removes names happens or does not: at a power cut either, by turns.
bool FaultDisk::happens(const Course& course) const {
  if (course.extent == Extent::kPart) return fault_ == DiskFault::kPowerCut && operations_ % 2 == 0;
  return course.extent == Extent::kAll;
}

leveldb::Status FaultDisk::NewWritableFile(const std::string& name, leveldb::WritableFile** file) {
  const std::scoped_lock lock(mutex_);
  const Course course = next(Way::kWrite);
  if (happens(course)) {
    files_[name] = std::make_shared<File>();
    removed_.clear();
  }
  if (course.status.ok()) *file = new Writing(*this, files_[name]);
  return course.status;
}

leveldb::Status FaultDisk::NewAppendableFile(const std::string& name,
                                             leveldb::WritableFile** file) {
  {
    const std::scoped_lock lock(mutex_);
    if (const Kept kept = find(name)) {
      *file = new Writing(*this, kept);
      return {};
    }
  }
  return NewWritableFile(name, file);
}

bool FaultDisk::FileExists(const std::string& name) {
  const std::scoped_lock lock(mutex_);
  return files_.contains(name);
}

leveldb::Status FaultDisk::GetChildren(const std::string& folder, std::vector<std::string>* names) {
  const std::scoped_lock lock(mutex_);
  names->clear();
  const std::string prefix = folder + "/";
  for (const auto& [name, file] : files_) {
    if (name.starts_with(prefix)) names->push_back(name.substr(prefix.size()));
  }
  return {};
}

leveldb::Status FaultDisk::RemoveFile(const std::string& name) {
  const std::scoped_lock lock(mutex_);
  const auto found = files_.find(name);
  if (found == files_.end()) return missing(name);
  const Course course = next(Way::kWrite);
  if (happens(course)) removed_.insert(files_.extract(found));
  return course.status;
}

leveldb::Status FaultDisk::GetFileSize(const std::string& name, std::uint64_t* size) {
  const std::scoped_lock lock(mutex_);
  const Kept kept = find(name);
  if (kept == nullptr) return missing(name);
  *size = kept->bytes.size();
  return {};
}

leveldb::Status FaultDisk::RenameFile(const std::string& from, const std::string& to) {
  const std::scoped_lock lock(mutex_);
  const Kept kept = find(from);
  if (kept == nullptr) return missing(from);
  const Course course = next(Way::kWrite);
  if (happens(course)) {
    files_[to] = kept;
    files_.erase(from);
    removed_.clear();
  }
  return course.status;
}

leveldb::Status FaultDisk::LockFile(const std::string& name, leveldb::FileLock** lock) {
  class Held final : public leveldb::FileLock {
   public:
    explicit Held(std::string of) : name(std::move(of)) {}
    std::string name;
  };
  const std::scoped_lock guard(mutex_);
  if (!locks_.insert(name).second) return leveldb::Status::IOError("lock " + name, "held");
  *lock = new Held(name);
  return {};
}

leveldb::Status FaultDisk::UnlockFile(leveldb::FileLock* lock) {
  const std::scoped_lock guard(mutex_);
  locks_.clear();
  delete lock;
  return {};
}

leveldb::Status FaultDisk::NewLogger(const std::string& name, leveldb::Logger**) {
  return leveldb::Status::IOError(name, "nobody reads it");
}

FaultDisk::Contents FaultDisk::contents() const {
  const std::scoped_lock lock(mutex_);
  Contents all;
  for (const auto& [name, file] : files_) all.files.emplace(name, *file);
  for (const auto& [name, file] : removed_) all.removed.emplace(name, *file);
  return all;
}

void FaultDisk::put(Contents contents) {
  const std::scoped_lock lock(mutex_);
  files_.clear();
  removed_.clear();
  locks_.clear();
  for (auto& [name, file] : contents.files) files_[name] = std::make_shared<File>(std::move(file));
  fault_ = DiskFault::kNone;
  hit_ = false;
}

FaultDisk::Contents FaultDisk::after_power_cut(const Contents& before, Remains remains,
                                               std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Contents after{.files = before.files, .removed = {}};
  if (remains == Remains::kTorn) {
    for (const auto& [name, file] : before.removed) {
      if (random() % 2 == 0) after.files.try_emplace(name, file);
    }
  }
  for (auto& [name, file] : after.files) {
    std::size_t unsynced = file.bytes.size() - file.synced;
    if (remains == Remains::kSynced) unsynced = 0;
    if (remains == Remains::kTorn && unsynced > 0) {
      unsynced = random() % (unsynced + 1);
      if (random() % 2 == 0) unsynced -= (file.synced + unsynced) % kSector % (unsynced + 1);
    }
    file.bytes.resize(file.synced + unsynced);
    file.synced = file.bytes.size();
    file.failed = false;
  }
  return after;
}

}  // namespace outrigger::filters
