// Bounds how often a compiled schema is asked while one value is checked: schemas that refer to
// themselves in several ways would look at a deep value more often than anybody waits for. Works as
// a keyword that stands in every schema and takes a step. One thread at a time.
#pragma once

#include <cstdint>
#include <new>

#include <valijson/constraint_builder.hpp>
#include <valijson/constraints/concrete_constraints.hpp>

namespace outrigger::config {

inline constexpr const char* kMeterKeyword = " step";  // no schema of anybody else has it

class MeterConstraint final : public valijson::constraints::PolyConstraint {
 public:
  explicit MeterConstraint(std::uint64_t& left) noexcept : left_(&left) {}
  // Throws std::bad_alloc when no step is left: whoever checks catches it.
  bool validate(const valijson::adapters::Adapter&, const std::vector<std::string>&,
                valijson::ValidationResults*) const override {
    if (*left_ == 0) throw std::bad_alloc();
    --*left_;
    return true;
  }

 private:
  Constraint* cloneInto(void* at) const override { return new (at) MeterConstraint(*this); }
  std::size_t sizeOf() const override { return sizeof(MeterConstraint); }
  std::uint64_t* left_;
};

class MeterBuilder final : public valijson::ConstraintBuilder {
 public:
  // `left` outlives what is built.
  explicit MeterBuilder(std::uint64_t& left) noexcept : left_(left) {}
  valijson::constraints::Constraint* make(const valijson::adapters::Adapter&) const override {
    return new MeterConstraint(left_);
  }

 private:
  std::uint64_t& left_;
};

}  // namespace outrigger::config
