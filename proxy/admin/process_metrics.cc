#include "proxy/admin/process_metrics.h"

#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/open_descriptors.h"
#include "proxy/base/wall_clock.h"

namespace outrigger::admin {
namespace {

using Sample = MetricRegistry::Sample;

struct CloseFile {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

double seconds(const timeval& time) noexcept {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double processor_seconds() noexcept {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double resident_bytes() noexcept {
  const File file(std::fopen("/proc/self/statm", "re"));
  long total = 0;
  long resident = 0;
  if (file == nullptr || std::fscanf(file.get(), "%ld %ld", &total, &resident) != 2) return 0;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double descriptor_limit() noexcept {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<double>(limit.rlim_cur);
}

// Field 22 of /proc/self/stat, in ticks since the machine's start; the name before it may hold
// anything, so counting begins after its last parenthesis.
double start_time() noexcept {
  const File file(std::fopen("/proc/self/stat", "re"));
  char text[1024];
  if (file == nullptr) return 0;
  const std::string_view line(text, std::fread(text, 1, sizeof text - 1, file.get()));
  text[line.size()] = '\0';
  const std::size_t name_end = line.rfind(')');
  unsigned long long ticks = 0;
  if (name_end == std::string_view::npos ||
      std::sscanf(
          text + name_end + 1,
          " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
          &ticks) != 1) {
    return 0;
  }
  timespec up{};
  clock_gettime(CLOCK_BOOTTIME, &up);
  const double since_boot = static_cast<double>(up.tv_sec) + static_cast<double>(up.tv_nsec) / 1e9;
  const double now = static_cast<double>(WallClock::system()) / 1e6;
  return now - since_boot + static_cast<double>(ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

void publish_process_metrics(MetricRegistry& registry) {
  static const double started = start_time();  // else it would jitter between scrapes
  registry.publish(Metric::kProcessCpu, {{{}, processor_seconds()}});
  registry.publish(Metric::kProcessMemory, {{{}, resident_bytes()}});
  const double most = descriptor_limit();
  registry.publish(Metric::kProcessOpenFds,
                   {{{}, std::min(static_cast<double>(open_descriptors()), most)}});
  registry.publish(Metric::kProcessMaxFds, {{{}, most}});
  registry.publish(Metric::kProcessStart, {{{}, started}});
}

void publish_lifecycle(MetricRegistry& registry, Lifecycle state) {
  std::vector<Sample> samples;
  for (const Lifecycle each : {Lifecycle::kStarting, Lifecycle::kReady, Lifecycle::kDraining}) {
    samples.push_back({{std::string(to_string(each))}, each == state ? 1.0 : 0.0});
  }
  registry.publish(Metric::kLifecycleState, std::move(samples));
}

void publish_log_drops(MetricRegistry& registry, std::uint64_t dropped_lines,
                       std::uint64_t failed_lines) {
  registry.publish(Metric::kTelemetryDropped,
                   {{{"log", "full"}, static_cast<double>(dropped_lines)},
                    {{"log", "io"}, static_cast<double>(failed_lines)}});
}

}  // namespace outrigger::admin
