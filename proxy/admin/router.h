// What the admin port serves: a table of methods, paths and handlers, and the finding in it. What
// does not fit the table is refused here, so that a handler sees only what it asked for. Immutable
// once made; the main thread.
#pragma once

#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/admin/query.h"
#include "proxy/http/message.h"

namespace outrigger::admin {

// One request, as its handler sees it.
struct Call {
  const http::RequestHead& head;
  std::vector<std::string> parts;  // what stands for each {…} of the path, decoded
  Query query;
  std::string_view body;  // of a method that changes something: JSON; of others empty
  std::string_view peer;  // who asks, for the log
};
using Handler = std::function<http::Response(const Call&)>;

struct Route {
  http::Method method;    // kGet serves HEAD as well: the server leaves the body out
  std::string_view path;  // a literal: "/api/v1/jobs/{id}/items"; a {…} is one segment
  // Parameters of the query that mean something; others are refused, because a misspelt `dry_run`
  // must not do what it was to prevent.
  std::vector<std::string_view> query;
  Handler handle;
};

class Router {
 public:
  explicit Router(std::vector<Route> routes);

  struct Found {
    const Route& route;
    std::vector<std::string> parts;
    Query query;
  };
  // Refusals: 404, 405 with Allow, 415 for a change that is not sent as JSON, 400 for a parameter
  // that is not known.
  [[nodiscard]] std::expected<Found, http::Response> find(const http::RequestHead& head) const;

 private:
  std::vector<Route> routes_;
};

}  // namespace outrigger::admin
