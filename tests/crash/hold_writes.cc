// A disk that loses with the process what was not synced, as a power loss does: LD_PRELOAD this,
// and name a folder in CRASH_HELD_FOLDER. What is written to files below it stays in the process
// until fdatasync() or fsync(), and so a SIGKILL takes it along. With CRASH_LYING_DISK set, a sync
// of a log brings only what was there at the last one.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>

namespace {

struct Held {
  bool watched = false;
  std::string bytes;
  bool lies = false;
  std::size_t promised = 0;  // if it lies: synced, as it said
};

std::mutex& lock() {
  static std::mutex mutex;
  return mutex;
}
// Leaked: files are closed after everything else has ended.
std::array<Held, 4096>& files() {
  static auto* const all = new std::array<Held, 4096>();
  return *all;
}
Held* held(int fd) {
  if (fd < 0 || static_cast<std::size_t>(fd) >= files().size()) return nullptr;
  Held& file = files()[static_cast<std::size_t>(fd)];
  return file.watched ? &file : nullptr;
}

void write_out(int fd, Held& file, std::size_t size) {
  for (std::size_t done = 0; done < size;) {
    const long written = syscall(SYS_write, fd, file.bytes.data() + done, size - done);
    if (written < 0) abort();
    done += static_cast<std::size_t>(written);
  }
  file.bytes.erase(0, size);
}

bool ends_with(const char* text, const char* end) {
  const std::size_t size = std::strlen(text), tail = std::strlen(end);
  return size >= tail && std::strcmp(text + size - tail, end) == 0;
}

int watch(int fd, const char* path, int flags) {
  const char* const folder = std::getenv("CRASH_HELD_FOLDER");
  if (fd < 0 || folder == nullptr || (flags & O_ACCMODE) == O_RDONLY) return fd;
  if (std::strncmp(path, folder, std::strlen(folder)) != 0) return fd;
  const std::lock_guard guard(lock());
  if (static_cast<std::size_t>(fd) < files().size()) {
    const bool lies = std::getenv("CRASH_LYING_DISK") != nullptr && ends_with(path, ".log");
    files()[static_cast<std::size_t>(fd)] = {.watched = true, .bytes = {}, .lies = lies};
  }
  return fd;
}

void sync_out(int fd) {
  const std::lock_guard guard(lock());
  Held* const file = held(fd);
  if (file == nullptr) return;
  write_out(fd, *file, file->lies ? file->promised : file->bytes.size());
  file->promised = file->bytes.size();
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const int mode = va_arg(more, int);
  va_end(more);
  return watch(static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode)), path, flags);
}

int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const int mode = va_arg(more, int);
  va_end(more);
  return open(path, flags, mode);
}

ssize_t write(int fd, const void* data, size_t size) {
  {
    const std::lock_guard guard(lock());
    if (Held* const file = held(fd)) {
      file->bytes.append(static_cast<const char*>(data), size);
      return static_cast<ssize_t>(size);
    }
  }
  return syscall(SYS_write, fd, data, size);
}

int fdatasync(int fd) {
  sync_out(fd);
  return static_cast<int>(syscall(SYS_fdatasync, fd));
}

int fsync(int fd) {
  sync_out(fd);
  return static_cast<int>(syscall(SYS_fsync, fd));
}

int close(int fd) {
  {
    const std::lock_guard guard(lock());
    if (Held* const file = held(fd)) {
      write_out(fd, *file, file->bytes.size());
      *file = {};
    }
  }
  return static_cast<int>(syscall(SYS_close, fd));
}

}  // extern "C"
