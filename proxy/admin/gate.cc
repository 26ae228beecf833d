#include "proxy/admin/gate.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "proxy/admin/answers.h"

namespace outrigger::admin {
namespace {

constexpr std::size_t kShortestToken = 16;

// Whoever is on this machine reaches a loopback address; a socket's file has rights of its own.
bool only_local(const SocketAddress& listen) noexcept {
  const AddressClass reached = classify(listen);
  return reached == AddressClass::kLoopback || reached == AddressClass::kLocalSocket;
}

std::unexpected<Error> bad_token(std::string detail) {
  return fail(Errc::kConfig, Origin::kProxy, "proxy_configuration_error", std::move(detail));
}

// Calls `fits(value)` for every field of that name; true when it holds for all.
template <class Fits>
bool each_fits(const http::Headers& headers, std::string_view name, Fits fits) {
  return std::ranges::all_of(headers, [&](const http::Field& field) {
    return !http::equals_ignore_case(field.name, name) || fits(field.value);
  });
}

// Fetch Metadata: what sends it is a browser, and says what page makes it send the request.
bool from_no_other_site(const http::Headers& headers) {
  return each_fits(headers, "sec-fetch-site",
                   [](std::string_view site) { return site == "same-origin" || site == "none"; });
}

// RFC 6454 7.1; "null" is some page of which the browser does not say which.
bool same_origin(std::string_view origin, const std::optional<Authority>& host) {
  struct Scheme {
    std::string_view prefix;
    std::uint16_t port;
  };
  // TLS may end before us, but that does not change the host.
  for (const Scheme& scheme : {Scheme{"http://", 80}, Scheme{"https://", 443}}) {
    if (!origin.starts_with(scheme.prefix)) continue;
    const auto from = parse_authority(origin.substr(scheme.prefix.size()));
    return from && host && from->host == host->host &&
           from->port.value_or(scheme.port) == host->port.value_or(scheme.port);
  }
  return false;
}

http::Response token_needed(std::string detail) {
  http::Response response = problem_answer("admin_token_needed", std::move(detail));
  response.head.headers.add_view(http::HeaderId::kOther, "WWW-Authenticate",
                                 "Bearer realm=\"outrigger admin\"");
  return response;
}

}  // namespace

Status check_token(const SocketAddress& listen, const Secret& token) {
  if (token.empty()) {
    if (only_local(listen)) return {};
    return bad_token(
        fmt::format("server.admin listens on {}, where others reach it: set OUTRIGGER_ADMIN_TOKEN "
                    "to a token that they must show, or listen on 127.0.0.1",
                    listen.to_string()));
  }
  const auto visible = [](char c) { return c > ' ' && c <= '~'; };
  if (!std::ranges::all_of(token.reveal(), visible)) {
    return bad_token("OUTRIGGER_ADMIN_TOKEN may have only visible ASCII characters");
  }
  if (token.reveal().size() >= kShortestToken) return {};
  return bad_token(
      fmt::format("OUTRIGGER_ADMIN_TOKEN is shorter than {} characters: take a random "
                  "one, for example of `openssl rand -hex 32`",
                  kShortestToken));
}

Gate::Gate(const SocketAddress& listen, Secret token) : listen_(listen), token_(std::move(token)) {}

std::optional<http::Response> Gate::refuse(const http::RequestHead& head) const {
  const std::optional<Authority> host = parse_authority(head.authority);
  if (!serves(host)) {
    return problem_answer("admin_host_unknown",
                          "The request names another host than this one: ask for localhost, or for "
                          "the address on which server.admin listens.");
  }
  if (!from_no_other_site(head.headers) ||
      !each_fits(head.headers, "origin",
                 [&](std::string_view origin) { return same_origin(origin, host); })) {
    return problem_answer("admin_cross_site", {});
  }
  // A probe that only asks whether we are alive learns nothing else.
  if ((token_.empty() && only_local(listen_)) || head.path() == "/livez") return std::nullopt;
  if (head.headers.find(http::HeaderId::kAuthorization) == nullptr) return token_needed({});
  if (!shows_token(head.headers)) return token_needed("The token is not the right one.");
  return std::nullopt;
}

// The port is of no account: a tunnel of ssh or of a container changes it, and whoever makes a name
// point to us keeps the port.
bool Gate::serves(const std::optional<Authority>& host) const {
  const AddressClass reached = classify(listen_);
  if (reached == AddressClass::kLocalSocket) return true;  // no browser gets there
  if (!host) return false;
  if (host->host == "localhost") return true;
  const auto address = SocketAddress::parse(host->host, 0);
  if (!address) return false;
  if (classify(*address) == AddressClass::kLoopback) return true;
  // Listening everywhere we have many addresses, some of which only others know. A name that was
  // turned to us is no address.
  if (reached == AddressClass::kUnspecified) return true;
  return address->bytes() == listen_.bytes();
}

// RFC 6750 2.1.
bool Gate::shows_token(const http::Headers& headers) const {
  constexpr std::string_view kScheme = "bearer ";
  if (token_.empty() || headers.count(http::HeaderId::kAuthorization) != 1) return false;
  const std::string_view value = headers.get(http::HeaderId::kAuthorization);
  if (!http::starts_ignoring_case(value, kScheme)) return false;
  return token_.equals(value.substr(kScheme.size()));
}

}  // namespace outrigger::admin
