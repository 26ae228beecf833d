#include "proxy/upstream/first_run_page.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "proxy/http/problem.h"
#include "proxy/upstream/request_path.h"

namespace outrigger::upstream {
namespace {

// Libraries of these providers add the version to the base URL themselves.
constexpr std::string_view kAddVersion[] = {"anthropic", "cohere", "gemini", "mistral"};

// The environment variable from which a provider's own libraries take their base URL, or empty.
std::string_view base_url_variable(const config::Upstream& upstream) noexcept {
  if (upstream.profile == "openai") return "OPENAI_BASE_URL";
  if (upstream.profile == "anthropic") return "ANTHROPIC_BASE_URL";
  return {};
}

std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string example(const config::Config& config, std::string_view origin) {
  for (const config::Upstream& upstream : config.upstreams) {
    const std::string_view variable = base_url_variable(upstream);
    if (!variable.empty()) return fmt::format("{}={}{}", variable, origin, sdk_base_path(upstream));
  }
  return {};
}

bool wants_html(const http::RequestHead& head) noexcept {
  return head.headers.get(http::HeaderId::kAccept).find("text/html") != std::string_view::npos;
}

http::Response page(int status, std::string_view type, std::string_view text,
                    std::string_view request_id) {
  http::Response response;
  response.head.status = status;
  http::Headers& headers = response.head.headers;
  if (status != 204) {
    headers.add_view(http::HeaderId::kContentType, "Content-Type", type);
    headers.add("Content-Length", fmt::format("{}", text.size()));
    headers.add_view(http::HeaderId::kOther, "Content-Security-Policy",
                     "default-src 'none'; style-src 'unsafe-inline'");
    headers.add_view(http::HeaderId::kOther, "X-Content-Type-Options", "nosniff");
    response.body = http::Body(Slice::copy(text));
  }
  headers.add_view(http::HeaderId::kCacheControl, "Cache-Control", "no-store");
  headers.add_view(http::HeaderId::kOther, "Outrigger-Source", "proxy");
  if (!request_id.empty()) headers.add("Outrigger-Request-Id", request_id);
  return response;
}

http::ErrorShape shape_of(config::ErrorFormat format) noexcept {
  switch (format) {
    case config::ErrorFormat::kOpenai:
      return http::ErrorShape::kOpenai;
    case config::ErrorFormat::kAnthropic:
      return http::ErrorShape::kAnthropic;
    case config::ErrorFormat::kProblem:
      break;
  }
  return http::ErrorShape::kProblem;
}

// The shape of the upstream that was meant, as far as that can be told.
http::ErrorShape shape_for(const config::Config& config, std::string_view path) {
  for (const config::Upstream& upstream : config.upstreams) {
    if (has_path_prefix(path, upstream.path_prefix))
      return shape_of(upstream.policies.error_format);
  }
  const config::Upstream* near = nearest_upstream(config, path);
  return near == nullptr ? http::ErrorShape::kProblem : shape_of(near->policies.error_format);
}

}  // namespace

std::string sdk_base_path(const config::Upstream& upstream) {
  const bool adds = std::ranges::find(kAddVersion, upstream.profile) != std::end(kAddVersion);
  return adds ? upstream.path_prefix : upstream.path_prefix + upstream.expected_version;
}

std::string first_run_text(const config::Config& config, std::string_view origin) {
  std::string out = "Outrigger is running. Base URLs for client libraries:\n\n";
  std::size_t width = 0;
  for (const config::Upstream& upstream : config.upstreams) {
    width = std::max(width, upstream.name.size());
  }
  for (const config::Upstream& upstream : config.upstreams) {
    fmt::format_to(std::back_inserter(out), "  {:<{}}  {}{}\n", upstream.name, width, origin,
                   sdk_base_path(upstream));
  }
  if (const std::string line = example(config, origin); !line.empty()) {
    out += "\nFor example, in the environment of your program:\n\n  " + line + "\n";
  }
  return out;
}

std::string first_run_html(const config::Config& config, std::string_view origin) {
  std::string out =
      "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Outrigger</title>\n"
      "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:3rem auto;padding:0 "
      "1rem}"
      "td{padding:.2rem 1rem .2rem 0}code{font-size:.95em}</style>\n"
      "<h1>Outrigger is running</h1>\n<p>Base URLs for client libraries:</p>\n<table>\n";
  for (const config::Upstream& upstream : config.upstreams) {
    fmt::format_to(std::back_inserter(out), "<tr><td>{}</td><td><code>{}</code></td></tr>\n",
                   html_escaped(upstream.name),
                   html_escaped(std::string(origin) + sdk_base_path(upstream)));
  }
  out += "</table>\n";
  if (const std::string line = example(config, origin); !line.empty()) {
    fmt::format_to(std::back_inserter(out),
                   "<p>For example, in the environment of your program: <code>{}</code></p>\n",
                   html_escaped(line));
  }
  out += "</html>\n";
  return out;
}

http::Response make_misroute_response(const Misroute& misroute, const config::Config& config,
                                      const http::RequestHead& head, std::string_view request_id) {
  if (misroute.status == 204) return page(204, {}, {}, request_id);
  if (misroute.status == 200) {
    const std::string origin = request_origin(config, head);
    if (wants_html(head)) {
      return page(200, "text/html; charset=utf-8", first_run_html(config, origin), request_id);
    }
    return page(200, "text/plain; charset=utf-8", first_run_text(config, origin), request_id);
  }
  http::Problem problem;
  problem.kind = http::find_problem_kind(misroute.code);
  if (problem.kind == nullptr) problem.kind = &http::problem_kind(misroute.status);
  problem.status = misroute.status;
  problem.title = misroute.title;
  problem.detail = misroute.detail;
  problem.suggestion = misroute.suggestion;
  problem.shape = shape_for(config, head.path());
  problem.request_id = request_id;
  return http::make_problem(problem);
}

}  // namespace outrigger::upstream
