#include "proxy/store/durable_env.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace outrigger::store {
namespace {

std::string folder_of(const std::string& name) {
  const std::size_t slash = name.rfind('/');
  return slash == std::string::npos ? "." : name.substr(0, slash);
}

}  // namespace

leveldb::Status DurableEnv::sync_folder(const std::string& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return leveldb::Status::IOError(folder, strerrordesc_np(errno));
  const bool synced = ::fsync(fd) == 0;
  const int why = errno;
  ::close(fd);
  return synced ? leveldb::Status::OK() : leveldb::Status::IOError(folder, strerrordesc_np(why));
}

leveldb::Status DurableEnv::NewWritableFile(const std::string& name, leveldb::WritableFile** file) {
  leveldb::Status status = target()->NewWritableFile(name, file);
  if (!status.ok()) return status;
  status = sync_folder(folder_of(name));
  if (status.ok()) return status;
  delete *file;
  *file = nullptr;
  return status;
}

leveldb::Status DurableEnv::NewAppendableFile(const std::string& name,
                                              leveldb::WritableFile** file) {
  leveldb::Status status = target()->NewAppendableFile(name, file);
  if (!status.ok()) return status;
  status = sync_folder(folder_of(name));
  if (status.ok()) return status;
  delete *file;
  *file = nullptr;
  return status;
}

leveldb::Status DurableEnv::RenameFile(const std::string& from, const std::string& to) {
  const leveldb::Status status = target()->RenameFile(from, to);
  return status.ok() ? sync_folder(folder_of(to)) : status;
}

}  // namespace outrigger::store
