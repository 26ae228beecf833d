#include "proxy/cli/asked_request.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include <fmt/format.h>

#include "proxy/base/json_checker.h"
#include "proxy/http/h1_grammar.h"

namespace outrigger::cli {
namespace {

std::unexpected<Error> wrong(std::string detail) {
  return fail(Errc::kConfig, Origin::kClient, "usage", std::move(detail));
}

Status check_method(const RequestWords& words) {
  if (words.method.contains('/')) {
    return wrong(fmt::format("the method comes first: outrigger explain {} {}",
                             words.url.contains('/') ? "GET" : words.url, words.method));
  }
  if (!http::is_token(words.method)) {
    return wrong(fmt::format("\"{}\" is not a request method", words.method));
  }
  std::string upper = words.method;
  std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return std::toupper(c); });
  if (upper != words.method && http::method_of(upper) != http::Method::kOther) {
    return wrong(fmt::format("methods are upper case: write {}", upper));
  }
  return {};
}

// The whole of host[:port], with brackets around an IPv6 address.
std::string own_authority(const config::Server& server) {
  if (server.listen.empty() || server.listen.front().host.starts_with('/')) return "localhost";
  return server.listen.front().text;
}

Status check_target(const AskedRequest& asked) {
  const char* begin = asked.target.data();
  const char* end = begin + asked.target.size();
  const char* bad = http::skip_target(begin, end);
  if (bad == end) return {};
  if (*bad == '#') return wrong("a URL with a fragment: leave out what begins with #");
  return wrong(fmt::format("\"{}\": byte {} of the path must be percent-encoded", asked.words.url,
                           bad - begin + 1));
}

Status read_absolute(AskedRequest& asked, std::size_t colon) {
  const std::string_view rest = std::string_view(asked.words.url).substr(colon + 3);
  const std::size_t path = std::min(rest.find_first_of("/?#"), rest.size());
  asked.authority = rest.substr(0, path);
  asked.target = rest.substr(path);
  if (!asked.target.starts_with('/')) asked.target.insert(0, "/");
  asked.head.form = http::TargetForm::kAbsolute;
  if (asked.authority.contains('@')) {
    return wrong("a URL with a user name: leave out what stands before the @");
  }
  if (!http::split_authority(asked.authority)) {
    return wrong(fmt::format("\"{}\" is not a host[:port]", asked.authority));
  }
  return {};
}

Status read_url(AskedRequest& asked, const config::Server& server) {
  const std::string& url = asked.words.url;
  if (asked.head.method == http::Method::kConnect) {
    if (!http::split_authority(url)) {
      return wrong(fmt::format("CONNECT asks for host:port, not for \"{}\"", url));
    }
    asked.authority = asked.target = url;
    asked.head.form = http::TargetForm::kAuthority;
    return {};
  }
  if (url.starts_with('/')) {
    asked.target = url;
    asked.authority = own_authority(server);
    return check_target(asked);
  }
  const std::size_t colon = url.find("://");
  asked.scheme = url.substr(0, std::min(colon, url.size()));
  std::ranges::transform(asked.scheme, asked.scheme.begin(),
                         [](unsigned char c) { return std::tolower(c); });
  if (colon == std::string::npos || (asked.scheme != "http" && asked.scheme != "https")) {
    return wrong(fmt::format("\"{}\" is neither a URL nor a path: write http://{}/... or /...", url,
                             own_authority(server)));
  }
  if (Status read = read_absolute(asked, colon); !read) return read;
  return check_target(asked);
}

Status read_header(AskedRequest& asked, const std::string& line) {
  const std::size_t colon = line.find(':');
  const std::string_view name = std::string_view(line).substr(0, std::min(colon, line.size()));
  if (colon == std::string::npos) {
    return wrong(fmt::format("header \"{}\" has no colon: write -H 'Name: value'", name));
  }
  if (!http::is_token(name)) return wrong(fmt::format("\"{}\" is not the name of a header", name));
  const std::string_view value = http::trim_whitespace(std::string_view(line).substr(colon + 1));
  if (!http::is_field_value(value)) {
    return wrong(fmt::format("the value of header {} has control characters in it", name));
  }
  if (http::header_id(name) == http::HeaderId::kHost &&
      asked.head.form == http::TargetForm::kOrigin) {
    asked.authority = value;
  }
  asked.head.headers.add(name, value);
  return {};
}

}  // namespace

Result<std::unique_ptr<AskedRequest>> read_request(RequestWords words,
                                                   const config::Server& server) {
  auto asked = std::make_unique<AskedRequest>();
  asked->words = std::move(words);
  if (Status method = check_method(asked->words); !method) {
    return std::unexpected(std::move(method).error());
  }
  http::RequestHead& head = asked->head;
  head.method = http::method_of(asked->words.method);
  head.method_text = asked->words.method;
  if (Status url = read_url(*asked, server); !url) return std::unexpected(std::move(url).error());
  for (const std::string& line : asked->words.headers) {
    if (Status read = read_header(*asked, line); !read) {
      return std::unexpected(std::move(read).error());
    }
  }
  if (asked->words.body && head.headers.find(http::HeaderId::kContentType) == nullptr) {
    head.headers.add("Content-Type", "application/json");
  }
  head.scheme = asked->scheme;
  head.authority = asked->authority;
  head.target = asked->target;
  return asked;
}

std::optional<std::string> json_fault(std::string_view text) {
  JsonChecker checker;
  const std::size_t taken = checker.feed(text);
  const std::size_t bad = text.find_first_not_of(" \t\r\n", taken);
  if (bad == std::string_view::npos) {
    if (checker.finish()) return std::nullopt;
    return text.empty() ? "it is empty" : "it ends in the middle of a value";
  }
  const std::string_view before = text.substr(0, bad);
  return fmt::format("line {}, column {}", 1 + std::ranges::count(before, '\n'),
                     bad - (before.rfind('\n') + 1) + 1);
}

}  // namespace outrigger::cli
