# Install and export: find_package(tenax) and pkg-config. Relocatable.
include(CMakePackageConfigHelpers)
get_target_property(type tenax TYPE)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/tenax")

set(installed tenax)
if(TARGET tenax_testing)
  list(APPEND installed tenax_testing)
endif()
if(TARGET tenax_server)
  list(APPEND installed tenax_server)
endif()
if(TARGET tenax_http_action)
  list(APPEND installed tenax_http_action)
endif()
if(type STREQUAL "SHARED_LIBRARY")
  # What is installed finds libtenax.so wherever the prefix is.
  cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_LIBDIR BASE_DIRECTORY "${CMAKE_INSTALL_FULL_BINDIR}"
             OUTPUT_VARIABLE lib_from_bin)
  set_target_properties(${installed} PROPERTIES INSTALL_RPATH "$ORIGIN")
  if(TARGET tenax_program)
    set_target_properties(tenax_program PROPERTIES INSTALL_RPATH "$ORIGIN/${lib_from_bin}")
  endif()
endif()
# What `cmake --install` needs, and examples/run.sh builds.
add_custom_target(tenax_installed)
add_dependencies(tenax_installed ${installed})
install(TARGETS ${installed} EXPORT tenax-targets
        INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
if(TARGET tenax_program)
  add_dependencies(tenax_installed tenax_program)
  install(TARGETS tenax_program)
  install(FILES examples/tenax.service examples/tenax.toml examples/grafana.json
          DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/tenax/examples")
endif()
set(no_server "")
if(NOT TARGET tenax_server)
  set(no_server PATTERN "server.hpp" EXCLUDE)
endif()
set(no_http_action "")
if(NOT TARGET tenax_http_action)
  set(no_http_action PATTERN "http_action.hpp" EXCLUDE)
endif()
install(DIRECTORY include/tenax DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN "*.hpp" ${no_server} ${no_http_action})
install(EXPORT tenax-targets NAMESPACE tenax:: DESTINATION "${package_dir}")

# A shared tenax hides what it is built with (cmake/exports.map); a static one has its users link it.
set(TENAX_IS_STATIC OFF)
set(libs "")
if(type STREQUAL "STATIC_LIBRARY")
  set(TENAX_IS_STATIC ON)
  set(libs "-lcaf_core -lrocksdb -lspdlog -lfmt -lprotobuf-lite -lxxhash -pthread")
endif()

set(TENAX_HAS_SERVER OFF)
if(TARGET tenax_server)
  set(TENAX_HAS_SERVER ON)
endif()

set(TENAX_HAS_HTTP_ACTION OFF)
if(TARGET tenax_http_action)
  set(TENAX_HAS_HTTP_ACTION ON)
endif()

configure_package_config_file(cmake/tenax-config.cmake.in tenax-config.cmake
                              INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file(tenax-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/tenax-config.cmake"
              "${PROJECT_BINARY_DIR}/tenax-config-version.cmake"
              cmake/FindCAF.cmake cmake/FindXXHash.cmake
        DESTINATION "${package_dir}")

cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX
           BASE_DIRECTORY "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" OUTPUT_VARIABLE TENAX_PC_PREFIX)
function(tenax_pkg_config TENAX_PC_NAME TENAX_PC_DESCRIPTION TENAX_PC_REQUIRES TENAX_PC_LIBS)
  configure_file(cmake/tenax.pc.in ${TENAX_PC_NAME}.pc @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${TENAX_PC_NAME}.pc"
          DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endfunction()
tenax_pkg_config(tenax "${PROJECT_DESCRIPTION}" "" "-ltenax ${libs}")
if(TARGET tenax_testing)
  tenax_pkg_config(tenax-testing "tenax under virtual time, for tests"
                   "tenax = ${PROJECT_VERSION}" "-ltenax_testing")
endif()
if(TARGET tenax_server)
  tenax_pkg_config(tenax-server "an HTTP API for a tenax engine" "tenax = ${PROJECT_VERSION}"
                   "-ltenax_server -lssl -lcrypto")
endif()
if(TARGET tenax_http_action)
  tenax_pkg_config(tenax-http-action "the action type http of tenax"
                   "tenax = ${PROJECT_VERSION}" "-ltenax_http_action -lcurl")
endif()

if(PROJECT_IS_TOP_LEVEL)
  include(package)
endif()
