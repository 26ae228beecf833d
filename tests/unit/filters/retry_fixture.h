// Runs the retry filter, and a deadline where a test wants one, around scripted attempts.
#pragma once

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "filters/deadline/deadline.h"
#include "filters/retry/retry.h"
#include "tests/unit/filters/scripted_attempts.h"

namespace outrigger::filters {

class RetryTest : public ChainTest {
 protected:
  RetryTest() {
    policies_.retry->backoff = {
        .base = 1s, .factor = 2, .max = 8s, .jitter = config::Jitter::kNone};
    policies_.retry->hints.spread = 0;
    policies_.replay = config::Replay::kSafe;
    request_.head.method = http::Method::kPost;
    request_.head.method_text = "POST";
    request_.head.target = "/v1/chat/completions";
    request_.body = http::Body(Slice::literal("{\"n\":1}"));
    upstream_.name = "openai";
  }

  void run(std::vector<ScriptedAttempt> script) {
    prepare(std::move(script));
    start();
    loop_.advance(0s);
  }
  void prepare(std::vector<ScriptedAttempt> script) {
    if (with_deadline_) add(std::make_unique<Deadline>(policies_));
    add(std::make_unique<Retry>(context_, policies_, "openai"));
    add(std::make_unique<ScriptedAttempts>(std::move(script), seen_));
    Exchange& it = exchange();
    it.started = loop_.now();
    it.routed.upstream = &upstream_;
    it.routed.policies = &policies_;
    it.credential = 7;
    std::copy_n("01ARYZ6S41TSV4RRFFQ69G5FAV", 26, it.id_text);
  }
  // Another request, after the first has ended.
  void again(std::vector<ScriptedAttempt> script) {
    outcome_.reset();
    exchange_.reset();
    seen_.clear();
    request_ = {};
    request_.head.method = http::Method::kPost;
    request_.head.method_text = "POST";
    request_.body = http::Body(Slice::literal("{}"));
    run(std::move(script));
  }

  [[nodiscard]] int status() const {
    return done() && outcome_->has_value() ? (*outcome_)->head.status : 0;
  }
  [[nodiscard]] std::string_view error() const {
    return done() && !outcome_->has_value() ? outcome_->error().reason : std::string_view("none");
  }
  [[nodiscard]] std::string_view header(std::string_view name) const {
    const http::Field* field = (*outcome_)->head.headers.find(name);
    return field == nullptr ? std::string_view("(absent)") : field->value;
  }
  [[nodiscard]] std::string_view stop() const { return exchange_->attempts.back().stop; }
  [[nodiscard]] std::uint64_t counted(Metric metric, std::string_view reason) const {
    return registry_.total(metric, {"openai", reason});
  }

  MetricRegistry registry_;
  SharedBudgets budgets_;
  SharedCooldowns cooldowns_;
  Random random_{1};
  RetryContext context_{budgets_, cooldowns_, random_, registry_.add_shard()};
  config::Policies policies_;
  config::Upstream upstream_;
  bool with_deadline_ = false;
  std::vector<SeenRequest> seen_;
};

}  // namespace outrigger::filters
