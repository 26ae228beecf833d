// Finds the chain of another upstream for a request that goes there instead. One a generation, on
// its worker's thread; what it refers to outlives it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "filters/filter.h"
#include "proxy/upstream/router.h"

namespace outrigger::filters {

class Switchboard {
 public:
  // `chains` are filled later: [upstream][route], the default first.
  Switchboard(const upstream::Router& router,
              const std::vector<std::vector<Chain>>& chains) noexcept
      : router_(router), chains_(chains) {}

  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view upstream) const noexcept;
  // The upstream's place for a path below its base path, by its own routes.
  [[nodiscard]] upstream::Routed route(std::uint32_t upstream, upstream::Way way,
                                       const http::RequestHead& head, std::string_view path) const {
    return router_.at_upstream(upstream, way, head.method_text, path);
  }
  // The part of its chain that a second way runs through.
  [[nodiscard]] Next enter(const upstream::Routed& routed) const noexcept {
    return chains_[routed.upstream_index][routed.route_index].inner();
  }

 private:
  const upstream::Router& router_;
  const std::vector<std::vector<Chain>>& chains_;
};

}  // namespace outrigger::filters
