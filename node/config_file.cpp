#include "node/config_file.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <exception>
#include <optional>
#include <utility>

namespace tenax::node {

namespace {

std::string place_of(const std::string& file, const toml::source_region& at) {
  return file + ":" + std::to_string(at.begin.line) + ":" + std::to_string(at.begin.column);
}

template <class Number>
std::string digits(Number n) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, n).ptr};
}

std::optional<std::string> word_of(const toml::node& value) {
  if (const auto* text = value.as_string()) return text->get();
  if (const auto* number = value.as_integer()) return digits(number->get());
  if (const auto* number = value.as_floating_point()) return digits(number->get());
  if (const auto* truth = value.as_boolean()) return truth->get() ? "true" : "false";
  return std::nullopt;
}

error wrong(const std::string& place, const std::string& what) {
  return {errc::invalid_argument, place + ": " + what};
}

result<config_value> read(const toml::key& key, const toml::node& value, const std::string& file) {
  config_value out{std::string(key.str()), {}, value.is_array(), place_of(file, value.source())};
  if (!out.is_list) {
    auto word = word_of(value);
    if (!word) {
      return wrong(place_of(file, key.source()),
                   out.key + " must be a text, a number, true, false or a list");
    }
    out.words.push_back(*std::move(word));
    return out;
  }
  for (const auto& element : *value.as_array()) {
    auto word = word_of(element);
    if (!word || element.is_boolean()) {
      return wrong(place_of(file, element.source()), out.key + " must be a list of texts");
    }
    out.words.push_back(*std::move(word));
  }
  return out;
}

}  // namespace

result<std::vector<config_value>> parse_config(std::string_view text, const std::string& file) {
  try {
    const auto table = toml::parse(text, file);
    std::vector<std::pair<const toml::key*, const toml::node*>> given;
    for (auto&& [key, value] : table) given.emplace_back(&key, &value);
    std::ranges::sort(given, {}, [](const auto& g) {
      const auto at = g.first->source().begin;
      return std::pair(at.line, at.column);
    });
    std::vector<config_value> out;
    for (const auto& [key, value] : given) {
      auto one = read(*key, *value, file);
      if (!one) return one.error();
      out.push_back(*std::move(one));
    }
    return out;
  } catch (const toml::parse_error& e) {
    return wrong(place_of(file, e.source()), std::string(e.description()));
  }
}

}  // namespace tenax::node
