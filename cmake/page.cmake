# The page of the server: web/ bundled by esbuild and put into tenax_server. Without esbuild (package
# esbuild) the server has its plain page only.
find_program(TENAX_ESBUILD esbuild DOC "Bundles web/; without it the server has its plain page only")
set(TENAX_PAGE_DIR "${PROJECT_BINARY_DIR}/page")
set(web "${PROJECT_SOURCE_DIR}/web")
file(GLOB scripts CONFIGURE_DEPENDS "${web}/src/*.ts")
file(MAKE_DIRECTORY "${TENAX_PAGE_DIR}")

# NAME in TENAX_PAGE_DIR, made by COMMAND from ARGN, and NAME.gz.
set(page_made "")
macro(tenax_page_file name command)
  add_custom_command(
    OUTPUT "${TENAX_PAGE_DIR}/${name}" "${TENAX_PAGE_DIR}/${name}.gz"
    COMMAND ${${command}}
    COMMAND ${CMAKE_COMMAND} -D "from=${TENAX_PAGE_DIR}/${name}" -P "${PROJECT_SOURCE_DIR}/cmake/gzip.cmake"
    DEPENDS ${ARGN} "${PROJECT_SOURCE_DIR}/cmake/gzip.cmake"
    COMMENT "Page: ${name}" VERBATIM)
  list(APPEND page_made "${TENAX_PAGE_DIR}/${name}" "${TENAX_PAGE_DIR}/${name}.gz")
endmacro()

set(copy_css ${CMAKE_COMMAND} -E copy "${web}/app.css" "${TENAX_PAGE_DIR}/app.css")
tenax_page_file(app.css copy_css "${web}/app.css")
if(TENAX_ESBUILD)
  set(TENAX_PAGE_HAS_SCRIPT 1)
  set(copy_html ${CMAKE_COMMAND} -E copy "${web}/index.html" "${TENAX_PAGE_DIR}/index.html")
  tenax_page_file(index.html copy_html "${web}/index.html")
  set(bundle "${TENAX_ESBUILD}" "${web}/src/main.ts" --bundle --minify --target=es2021
             --log-level=warning "--outfile=${TENAX_PAGE_DIR}/app.js")
  tenax_page_file(app.js bundle ${scripts})
else()
  set(TENAX_PAGE_HAS_SCRIPT 0)
  message(STATUS "esbuild is not there (package esbuild): the server has its plain page only")
endif()

set(TENAX_PAGE_SOURCE "${TENAX_GENERATED_DIR}/page_files.cpp")
configure_file("${PROJECT_SOURCE_DIR}/node/api/page_files.cpp.in" "${TENAX_PAGE_SOURCE}" @ONLY)
set_source_files_properties("${TENAX_PAGE_SOURCE}" PROPERTIES
  OBJECT_DEPENDS "${page_made}" SKIP_UNITY_BUILD_INCLUSION ON)
