// The exposition: Prometheus text 0.0.4 and OpenMetrics 1.0.0.
#include <charconv>
#include <cmath>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "proxy/base/metrics.h"

namespace outrigger {
namespace {

using Labels = std::span<const std::string_view>;
using Values = std::span<const std::string>;

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '"') {
      out += "\\\"";
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
}

// {a="1",b="2",le="0.5"}, or nothing.
void append_labels(std::string& out, Labels names, Values values, std::string_view le = {}) {
  if (names.empty() && le.empty()) return;
  char separator = '{';
  for (std::size_t i = 0; i < names.size() && i < values.size(); ++i) {
    out += std::exchange(separator, ',');
    out += names[i];
    out += "=\"";
    append_escaped(out, values[i]);
    out += '"';
  }
  if (!le.empty()) {
    out += separator;
    out += "le=\"";
    out += le;
    out += '"';
  }
  out += '}';
}

void append_number(std::string& out, double value) {
  if (value == std::floor(value) && std::abs(value) < 9e15) {
    fmt::format_to(std::back_inserter(out), "{}", static_cast<std::int64_t>(value));
  } else {
    fmt::format_to(std::back_inserter(out), "{}", value);
  }
}

std::string bound_text(std::uint64_t bound_ns, Exposition exposition) {
  const double seconds = static_cast<double>(bound_ns) / 1e9;
  // OpenMetrics wants "1.0" where the older format says "1".
  const bool whole = bound_ns % 1'000'000'000 == 0;
  return fmt::format("{:g}{}", seconds,
                     whole && exposition == Exposition::kOpenMetrics ? ".0" : "");
}

void append_head(std::string& out, const MetricSpec& row, Exposition exposition) {
  constexpr std::string_view kTypes[] = {"counter", "gauge", "histogram"};
  std::string_view family = row.name;
  if (exposition == Exposition::kOpenMetrics && row.type == MetricType::kCounter) {
    family.remove_suffix(std::string_view("_total").size());
  }
  fmt::format_to(std::back_inserter(out), "# HELP {} {}\n# TYPE {} {}\n", family, row.help, family,
                 kTypes[static_cast<std::size_t>(row.type)]);
}

// The weight that a media range of Accept gives, or -1 when `type` is not there.
double weight_of(std::string_view accept, std::string_view type) noexcept {
  double best = -1;
  while (!accept.empty()) {
    const std::size_t comma = std::min(accept.find(','), accept.size());
    std::string_view range = accept.substr(0, comma);
    accept.remove_prefix(std::min(comma + 1, accept.size()));
    range.remove_prefix(std::min(range.find_first_not_of(' '), range.size()));
    if (!range.starts_with(type)) continue;
    double weight = 1;
    if (const std::size_t q = range.find("q="); q != std::string_view::npos) {
      const std::string_view number = range.substr(q + 2);
      std::from_chars(number.data(), number.data() + number.size(), weight);
    }
    best = std::max(best, weight);
  }
  return best;
}

}  // namespace

Exposition exposition_for(std::string_view accept) noexcept {
  const double open = weight_of(accept, "application/openmetrics-text");
  const double text = weight_of(accept, "text/plain");
  return open > 0 && open >= text ? Exposition::kOpenMetrics : Exposition::kPrometheus;
}

std::string_view content_type(Exposition exposition) noexcept {
  return exposition == Exposition::kOpenMetrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

void MetricRegistry::expose_family(std::string& out, const MetricSpec& row,
                                   Exposition exposition) const {
  const Family& family = families_[static_cast<std::size_t>(row.id)];
  const auto line = [&](Values values, auto number) {
    out += row.name;
    append_labels(out, row.labels, values);
    out += ' ';
    append_number(out, static_cast<double>(number));
    out += '\n';
  };
  for (const Sample& sample : family.published) line(sample.labels, sample.value);
  for (const auto& [values, first] : family.series) {
    if (row.type == MetricType::kCounter) line(values, sum(first));
    if (row.type == MetricType::kGauge) line(values, static_cast<std::int64_t>(sum(first)));
    if (row.type != MetricType::kHistogram) continue;
    std::uint64_t count = 0;
    for (std::uint32_t i = 0; i <= row.buckets_ns.size(); ++i) {
      count += sum(first + i);
      const bool last = i == row.buckets_ns.size();
      fmt::format_to(std::back_inserter(out), "{}_bucket", row.name);
      append_labels(out, row.labels, values,
                    last ? "+Inf" : bound_text(row.buckets_ns[i], exposition));
      fmt::format_to(std::back_inserter(out), " {}\n", count);
    }
    fmt::format_to(std::back_inserter(out), "{}_sum", row.name);
    append_labels(out, row.labels, values);
    out += ' ';
    append_number(out, static_cast<double>(
                           sum(first + static_cast<std::uint32_t>(row.buckets_ns.size()) + 1)) /
                           1e9);
    fmt::format_to(std::back_inserter(out), "\n{}_count", row.name);
    append_labels(out, row.labels, values);
    fmt::format_to(std::back_inserter(out), " {}\n", count);
  }
  if (row.id == Metric::kTelemetryDropped && folded_ > 0) {
    const std::string values[] = {"series", "max_series"};
    line(values, folded_);
  }
}

std::string MetricRegistry::expose(Exposition exposition) const {
  std::string out;
  std::string samples;
  for (const MetricSpec& row : metric_table()) {
    samples.clear();
    {
      // Family by family, so that a worker that sets up a series waits for one of them at most.
      const std::scoped_lock lock(mutex_);
      expose_family(samples, row, exposition);
    }
    if (samples.empty()) continue;
    append_head(out, row, exposition);
    out += samples;
  }
  if (exposition == Exposition::kOpenMetrics) out += "# EOF\n";
  return out;
}

}  // namespace outrigger
