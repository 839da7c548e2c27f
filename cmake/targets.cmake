# How tenax's targets are made.

# The *.cpp files of some folders of the project.
function(tenax_glob out)
  list(TRANSFORM ARGN PREPEND "${PROJECT_SOURCE_DIR}/")
  list(TRANSFORM ARGN APPEND "/*.cpp")
  file(GLOB files CONFIGURE_DEPENDS ${ARGN})
  set(${out} "${files}" PARENT_SCOPE)
endfunction()

function(tenax_compile_settings target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  # -Wrestrict has false positives for std::string in g++ 12 (GCC bug 105651); designated
  # initializers leave out members that have a default, which -Wextra holds against them.
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wno-restrict
                         -Wno-missing-field-initializers)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
endfunction()

# Stored records: storage/NAME.proto is included as "storage/NAME.pb.h".
function(tenax_records)
  file(GLOB protos CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/storage/*.proto")
  if(NOT protos)
    return()
  endif()
  file(MAKE_DIRECTORY "${TENAX_GENERATED_DIR}")
  add_library(tenax_records OBJECT ${protos})
  protobuf_generate(TARGET tenax_records LANGUAGE cpp IMPORT_DIRS "${PROJECT_SOURCE_DIR}"
                    PROTOC_OUT_DIR "${TENAX_GENERATED_DIR}")
  target_include_directories(tenax_records SYSTEM PRIVATE "${TENAX_GENERATED_DIR}")
  target_link_libraries(tenax_records PRIVATE protobuf::libprotobuf-lite)
  target_compile_features(tenax_records PRIVATE cxx_std_20)
  target_compile_options(tenax_records PRIVATE -w)
  set_target_properties(tenax_records PROPERTIES POSITION_INDEPENDENT_CODE ON)
endfunction()
tenax_records()

# If it is a shared library: it exports nothing but tenax's own.
function(tenax_hide_others target)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "SHARED_LIBRARY")
    target_link_options(${target} PRIVATE
                        "LINKER:--version-script=${PROJECT_SOURCE_DIR}/cmake/exports.map")
    set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS
                 "${PROJECT_SOURCE_DIR}/cmake/exports.map")
  endif()
endfunction()
