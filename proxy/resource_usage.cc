#include "proxy/resource_usage.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>

#include "proxy/base/open_descriptors.h"
#include "proxy/net/fd.h"

namespace outrigger {
namespace {

std::optional<std::uint64_t> number(std::string_view text) noexcept {
  std::uint64_t value = 0;
  const std::size_t first = std::min(text.find_first_not_of(" \t"), text.size());
  const auto [end, error] = std::from_chars(text.data() + first, text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  return value;
}

// The number behind the line's first word, "MemTotal:  16 kB".
std::uint64_t value_of(std::string_view text, std::string_view word) noexcept {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.starts_with(word) && line.size() > word.size() &&
        (line[word.size()] == ' ' || line[word.size()] == ':')) {
      return number(line.substr(word.size() + (line[word.size()] == ':' ? 1 : 0))).value_or(0);
    }
  }
  return 0;
}

}  // namespace

filters::MemoryReading MemoryMeter::read() {
  complete_ = true;
  if (!found_) find_groups();
  filters::MemoryReading reading;
  reading.machine = value_of(text_of(meminfo_), "MemTotal") * 1024;
  const std::string_view statm = text_of(statm_);
  reading.resident = number(statm.substr(std::min(statm.find(' '), statm.size()))).value_or(0) *
                     static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  double fullest = -1;
  for (const Group& group : groups_) {
    const auto limit = number(text_of(group.limit));  // "max" is none
    const auto used = number(text_of(group.used));
    if (!limit || !used || *limit == 0) continue;
    const std::uint64_t cache = value_of(text_of(group.stat), group.cache);
    const double part =
        static_cast<double>(*used - std::min(cache, *used)) / static_cast<double>(*limit);
    if (part <= fullest) continue;
    fullest = part;
    reading.group_limit = limit;
    reading.group_used = *used;
    reading.group_cache = cache;
  }
  reading.complete = complete_;
  return reading;
}

// "0::/a/b" is version 2, "5:cpu,memory:/a/b" version 1 (cgroups(7)).
void MemoryMeter::find_groups() {
  const std::string mounts = root_ + "/sys/fs/cgroup";
  std::string_view rest = text_of(root_ + "/proc/self/cgroup");
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string controllers =
        "," + std::string(line.substr(first + 1, second - first - 1)) + ",";
    const std::string path(line.substr(second + 1));
    if (controllers == ",,") {
      add_groups(mounts, path, Version::kSecond);
    } else if (controllers.contains(",memory,")) {
      add_groups(mounts + "/memory", path, Version::kFirst);
    }
  }
  found_ = complete_;
}

// Any group on the way up may have the limit; one without the file never does.
void MemoryMeter::add_groups(const std::string& mount, std::string path, Version version) {
  for (bool top = false; !top;) {
    if (path.ends_with('/')) path.pop_back();
    top = path.empty();
    const std::string folder = mount + path;
    Group group{folder + "/memory.max", folder + "/memory.current", folder + "/memory.stat",
                "inactive_file"};
    if (version == Version::kFirst) {
      group = {folder + "/memory.limit_in_bytes", folder + "/memory.usage_in_bytes",
               folder + "/memory.stat", "total_inactive_file"};
    }
    if (::access(group.limit.c_str(), R_OK) == 0) groups_.push_back(std::move(group));
    if (!top) path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
}

std::string_view MemoryMeter::text_of(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    complete_ &= errno != EMFILE && errno != ENFILE && errno != ENOMEM;
    return {};
  }
  const ssize_t size = ::read(fd.get(), buffer_.data(), buffer_.size());
  return {buffer_.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

filters::Usage read_descriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return {};
  return {std::min<std::uint64_t>(open_descriptors(), limit.rlim_cur), limit.rlim_cur};
}

}  // namespace outrigger
