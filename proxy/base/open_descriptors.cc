#include "proxy/base/open_descriptors.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

namespace outrigger {

std::uint64_t open_descriptors() {
  // Kernels from 6.2 on give the number of entries as the folder's size.
  struct stat info{};
  if (::stat("/proc/self/fd", &info) == 0 && info.st_size > 0) {
    return static_cast<std::uint64_t>(info.st_size);
  }
  struct CloseFolder {
    void operator()(DIR* folder) const noexcept { closedir(folder); }
  };
  // Not opendir(): ThreadSanitizer does not see it take a descriptor that another thread has
  // closed.
  const int fd = ::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return UINT64_MAX;
  const std::unique_ptr<DIR, CloseFolder> folder(::fdopendir(fd));
  if (folder == nullptr) {
    ::close(fd);
    return 0;
  }
  std::uint64_t entries = 0;
  while (::readdir(folder.get()) != nullptr) ++entries;
  return entries - std::min<std::uint64_t>(entries, 3);  // ".", ".." and the folder's own
}

}  // namespace outrigger
