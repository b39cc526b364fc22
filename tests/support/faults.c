/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka.h"
#include "support/faults.h"

#include <stdlib.h>
#include <uv.h>
#include "base/mem.h"

/* Single-threaded tests: plain variables will do. */
static struct {
	size_t n_seen;
	size_t fail_at; /* 0: never */
	long n_live;
	long n_live_before;
} faults;

static void *faults_realloc(void *context, void *pointer, size_t size)
{
	void *result;

	(void)context;
	if (size == 0) {
		faults.n_live -= pointer != NULL;
		free(pointer);
		return NULL;
	}
	if (++faults.n_seen == faults.fail_at)
		return NULL;
	result = realloc(pointer, size);
	faults.n_live += result && !pointer;
	return result;
}

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
	mem_set_allocator(faults_realloc, NULL);
	assert_int_equal(uv_replace_allocator(uv_faults_malloc,
	                                      uv_faults_realloc,
	                                      uv_faults_calloc, mem_free),
	                 0);
}

static void begin(size_t fail_at)
{
	faults.n_seen = 0;
	faults.fail_at = fail_at;
	faults.n_live_before = faults.n_live;
}

void faults_count(void)
{
	begin(0);
}

void faults_fail(size_t kth)
{
	begin(kth);
}

size_t faults_end(void)
{
	faults.fail_at = 0;
	if (faults.n_live != faults.n_live_before)
		fail_msg("%ld allocations were not freed",
		         faults.n_live - faults.n_live_before);
	return faults.n_seen;
}
