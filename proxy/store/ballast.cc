#include "proxy/store/ballast.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "proxy/base/result.h"

namespace outrigger::store {
namespace {

std::unexpected<Error> failed(const std::string& path, int code) {
  return fail(Errc::kSystem, Origin::kProxy, "store_io", path + ": " + std::strerror(code));
}

}  // namespace

Status Ballast::take() {
  if (held_) return {};
  const int fd = ::open(path_.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) return failed(path_, errno);
  struct stat there{};
  struct statvfs disk{};
  int code = 0;
  const bool whole = fstat(fd, &there) == 0 && static_cast<std::uint64_t>(there.st_size) == kBytes;
  if (!whole) {
    if (fstatvfs(fd, &disk) != 0) code = errno;
    if (code == 0 && disk.f_bavail * disk.f_frsize < 2 * kBytes) code = ENOSPC;
    if (code == 0) code = posix_fallocate(fd, 0, kBytes);
  }
  ::close(fd);
  if (code != 0) {
    ::unlink(path_.c_str());
    return failed(path_, code);
  }
  held_ = true;
  return {};
}

bool Ballast::release() noexcept {
  if (!std::exchange(held_, false)) return false;
  ::unlink(path_.c_str());
  return true;
}

}  // namespace outrigger::store
