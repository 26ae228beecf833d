// Notices that the configuration file has changed: written in place, replaced by rename, or swapped
// behind a symlink as Kubernetes does with a mounted ConfigMap. Watches the folder, because a file
// that is replaced takes its own watch with it. Main thread.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <string>

#include "proxy/net/fd.h"
#include "proxy/runtime/event_loop.h"

namespace outrigger {

class ConfigWatch final : private FdWatch, private Timer {
 public:
  // `changed` is called once things have been quiet for a moment. A folder that cannot be watched
  // is no error: SIGHUP still reloads; see watching().
  ConfigWatch(EventLoop& loop, std::string file, std::function<void()> changed);
  ~ConfigWatch() { unwatch(); }
  [[nodiscard]] bool watching() const noexcept { return FdWatch::watching(); }

 private:
  // What tells one version of the file from another without reading it.
  struct Identity {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    timespec modified{};
    bool operator==(const Identity& other) const noexcept;
  };
  [[nodiscard]] Identity identify() const;
  void on_ready(Ready ready) override;
  void on_fire() override;

  Fd fd_;
  std::string file_;
  std::function<void()> changed_;
  Identity known_;
};

}  // namespace outrigger
