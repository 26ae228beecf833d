#include "proxy/resource_usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <memory>
#include <optional>
#include <string_view>

#include "proxy/net/fd.h"

namespace outrigger {
namespace {

using filters::MemoryReading;

// The first bytes of a file; empty when there is none.
std::string read_text(const std::string& path, MemoryReading& reading) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid() && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
    reading.complete = false;
  }
  std::string text(16 * 1024, '\0');
  const ssize_t size = fd.valid() ? ::read(fd.get(), text.data(), text.size()) : 0;
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  return text;
}

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

// What the files of a control group are called in the two versions.
struct Names {
  std::string_view limit, used, cache;
};
constexpr Names kV2{"/memory.max", "/memory.current", "inactive_file"};
constexpr Names kV1{"/memory.limit_in_bytes", "/memory.usage_in_bytes", "total_inactive_file"};

// Looks at the group of the process and all above it: any of them may have the limit.
void read_groups(MemoryReading& reading, const std::string& mount, std::string path,
                 const Names& names) {
  double fullest = -1;
  for (bool top = false; !top;) {
    if (path.ends_with('/')) path.pop_back();
    top = path.empty();
    const std::string folder = mount + path;
    const auto limit =
        number(read_text(folder + std::string(names.limit), reading));  // "max" is none
    const auto used = number(read_text(folder + std::string(names.used), reading));
    if (limit && used && *limit > 0) {
      const std::uint64_t cache =
          value_of(read_text(folder + "/memory.stat", reading), names.cache);
      const double part =
          static_cast<double>(*used - std::min(cache, *used)) / static_cast<double>(*limit);
      if (part > fullest) {
        fullest = part;
        reading.group_limit = limit;
        reading.group_used = *used;
        reading.group_cache = cache;
      }
    }
    if (!top) path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
}

// "0::/a/b" is version 2, "5:cpu,memory:/a/b" version 1 (cgroups(7)).
void read_group(MemoryReading& reading, const std::string& root) {
  const std::string mounts = root + "/sys/fs/cgroup";
  const std::string groups = read_text(root + "/proc/self/cgroup", reading);
  std::string_view rest = groups;
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
      read_groups(reading, mounts, path, kV2);
    } else if (controllers.contains(",memory,")) {
      read_groups(reading, mounts + "/memory", path, kV1);
    }
  }
}

// Kernels from 6.2 on give the number of entries as the folder's size.
std::uint64_t count_descriptors() {
  struct stat info{};
  if (::stat("/proc/self/fd", &info) == 0 && info.st_size > 0) {
    return static_cast<std::uint64_t>(info.st_size);
  }
  struct CloseFolder {
    void operator()(DIR* folder) const noexcept { closedir(folder); }
  };
  const int fd = ::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return UINT64_MAX;  // there is not even one left
  const std::unique_ptr<DIR, CloseFolder> folder(::fdopendir(fd));
  if (folder == nullptr) {
    ::close(fd);
    return 0;
  }
  std::uint64_t entries = 0;
  while (::readdir(folder.get()) != nullptr) ++entries;
  return entries - std::min<std::uint64_t>(entries, 3);  // ".", ".." and the folder's own
}

}  // namespace

MemoryReading read_memory(const std::string& root) {
  MemoryReading reading;
  reading.machine = value_of(read_text(root + "/proc/meminfo", reading), "MemTotal") * 1024;
  const std::string statm = read_text(root + "/proc/self/statm", reading);
  const std::size_t blank = std::min(statm.find(' '), statm.size());
  reading.resident = number(std::string_view(statm).substr(blank)).value_or(0) *
                     static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  read_group(reading, root);
  return reading;
}

filters::Usage read_descriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return {};
  return {std::min<std::uint64_t>(count_descriptors(), limit.rlim_cur), limit.rlim_cur};
}

}  // namespace outrigger
