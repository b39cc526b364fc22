/* SPDX-License-Identifier: Apache-2.0 */
/* The part of faults.h that needs libuv. */
#include "support/cmocka.h"
#include "support/faults.h"

#include <uv.h>
#include "base/mem.h"

static void *uv_faults_malloc(size_t size)
{
	return mem_alloc(size);
}

static void *uv_faults_calloc(size_t count, size_t size)
{
	return mem_calloc(count, size);
}

static void *uv_faults_realloc(void *pointer, size_t size)
{
	return mem_realloc(pointer, size);
}

void faults_install(void)
{
	faults_install_mem();
	assert_int_equal(uv_replace_allocator(uv_faults_malloc,
	                                      uv_faults_realloc,
	                                      uv_faults_calloc, mem_free),
	                 0);
}
