/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mem: the one door to the heap.
 *
 * Everything of ours, libuv, libcyaml and jansson allocates through here, so
 * that a test can count allocations and fail each in turn. Out of memory is
 * an ordinary failure (-ENOMEM, or NULL) which is passed up.
 */
#pragma once

#include <stddef.h>
#include "base/macros.h"

/* realloc() semantics: a NULL @pointer allocates, a zero @size frees. */
typedef void *(*mem_realloc_fn)(void *context, void *pointer, size_t size);

/* Replaces the allocator; NULL restores the C library's. Tests only. */
void mem_set_allocator(mem_realloc_fn fn, void *context);

void *mem_alloc(size_t size) MUST_CHECK;
void *mem_calloc(size_t count, size_t size) MUST_CHECK; /* zeroed */
void *mem_realloc(void *pointer, size_t size) MUST_CHECK;
void mem_free(void *pointer); /* NULL is fine */

/* Copies; NULL if out of memory (or, for mem_strdup, if @text is NULL). */
char *mem_strdup(const char *text) MUST_CHECK;
char *mem_strndup(const char *text, size_t length) MUST_CHECK;

/* Gives memory that is free back to the system, where the C library can; to
 * be called when much was just freed, as after loading a configuration. */
void mem_trim(void);
