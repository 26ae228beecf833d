#include "tests/unit/store/fault_env.h"

#include <filesystem>
#include <memory>

namespace outrigger::store {

class FaultEnv::File final : public leveldb::WritableFile {
 public:
  File(FaultEnv& env, std::string name, std::uint64_t size, leveldb::WritableFile* below)
      : env_(env), name_(std::move(name)), size_(size), below_(below) {}

  leveldb::Status Append(const leveldb::Slice& data) override {
    if (env_.takes_append()) {
      size_ += data.size();
      return below_->Append(data);
    }
    const leveldb::Slice half(data.data(), data.size() / 2);
    below_->Append(half);
    below_->Flush();
    size_ += half.size();
    return leveldb::Status::IOError(name_, "No space left on device");
  }
  leveldb::Status Close() override { return below_->Close(); }
  leveldb::Status Flush() override { return below_->Flush(); }
  leveldb::Status Sync() override {
    if (!env_.takes_sync()) return leveldb::Status::IOError(name_, "Input/output error");
    leveldb::Status status = below_->Sync();
    if (status.ok()) env_.synced(name_, size_);
    return status;
  }

 private:
  FaultEnv& env_;
  const std::string name_;
  std::uint64_t size_;
  const std::unique_ptr<leveldb::WritableFile> below_;
};

bool FaultEnv::takes_append() {
  const std::scoped_lock lock(mutex_);
  ++appends_;
  if (full_) return false;
  if (appends_left_ == 0) return true;
  return --appends_left_ != 0;
}

bool FaultEnv::takes_sync() {
  const std::scoped_lock lock(mutex_);
  ++syncs_;
  if (syncs_left_ == 0) return true;
  return --syncs_left_ != 0;
}

void FaultEnv::synced(const std::string& name, std::uint64_t size) {
  const std::scoped_lock lock(mutex_);
  if (powered_) durable_[name] = size;
}

void FaultEnv::cut_power() {
  const std::scoped_lock lock(mutex_);
  powered_ = false;
}

void FaultEnv::lose_unsynced() {
  const std::scoped_lock lock(mutex_);
  for (const auto& [name, size] : durable_) {
    std::error_code error;
    if (!std::filesystem::exists(name, error)) continue;
    if (std::filesystem::file_size(name) > size) std::filesystem::resize_file(name, size);
  }
  powered_ = true;
}

leveldb::Status FaultEnv::NewWritableFile(const std::string& name, leveldb::WritableFile** file) {
  leveldb::Status status = target()->NewWritableFile(name, file);
  if (!status.ok()) return status;
  *file = new File(*this, name, 0, *file);
  const std::scoped_lock lock(mutex_);
  if (powered_) durable_[name] = 0;
  return status;
}

leveldb::Status FaultEnv::NewAppendableFile(const std::string& name, leveldb::WritableFile** file) {
  std::uint64_t size = 0;
  if (target()->FileExists(name)) static_cast<void>(target()->GetFileSize(name, &size));
  leveldb::Status status = target()->NewAppendableFile(name, file);
  if (status.ok()) *file = new File(*this, name, size, *file);
  return status;
}

leveldb::Status FaultEnv::RenameFile(const std::string& from, const std::string& to) {
  leveldb::Status status = target()->RenameFile(from, to);
  const std::scoped_lock lock(mutex_);
  if (!status.ok()) return status;
  if (const auto known = durable_.find(from); known != durable_.end()) {
    durable_[to] = known->second;
    durable_.erase(known);
  }
  return status;
}

leveldb::Status FaultEnv::RemoveFile(const std::string& name) {
  const std::scoped_lock lock(mutex_);
  durable_.erase(name);
  return target()->RemoveFile(name);
}

}  // namespace outrigger::store
