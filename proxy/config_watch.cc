#include "proxy/config_watch.h"

#include <sys/inotify.h>

#include <filesystem>
#include <utility>

namespace outrigger {
namespace {

// Editors and volume mounts make several changes in a row.
constexpr Duration kQuiet = 100ms;

}  // namespace

bool ConfigWatch::Identity::operator==(const Identity& other) const noexcept {
  return device == other.device && inode == other.inode && size == other.size &&
         modified.tv_sec == other.modified.tv_sec && modified.tv_nsec == other.modified.tv_nsec;
}

ConfigWatch::ConfigWatch(EventLoop& loop, std::string file, std::function<void()> changed)
    : FdWatch(loop), file_(std::move(file)), changed_(std::move(changed)), known_(identify()) {
  fd_ = Fd(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!fd_.valid()) return;
  std::string folder = std::filesystem::path(file_).parent_path();
  if (folder.empty()) folder = ".";
  constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_DELETE;
  if (inotify_add_watch(fd_.get(), folder.c_str(), kEvents) < 0) return;
  watch(fd_.get(), Mode::kLevelRead);
}

ConfigWatch::Identity ConfigWatch::identify() const {
  struct stat status{};
  if (::stat(file_.c_str(), &status) != 0) return {};
  return {status.st_dev, status.st_ino, status.st_size, status.st_mtim};
}

void ConfigWatch::on_ready(Ready) {
  alignas(inotify_event) char events[4096];
  while (::read(fd_.get(), events, sizeof events) > 0) {
  }
  if (!Timer::armed()) loop().arm(*this, kQuiet);
}

void ConfigWatch::on_fire() {
  const Identity now = identify();
  // A file that is gone for a moment will be back, and raise another event.
  if (now == known_ || now == Identity{}) return;
  known_ = now;
  changed_();
}

}  // namespace outrigger
