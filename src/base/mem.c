/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

static void *libc_realloc(void *context, void *pointer, size_t size)
{
	(void)context;
	if (size == 0) {
		free(pointer);
		return NULL;
	}
	return realloc(pointer, size);
}

/* The seam for fault injection; the only mutable global of this layer. */
static struct {
	mem_realloc_fn fn;
	void *context;
} allocator = { libc_realloc, NULL };

void mem_set_allocator(mem_realloc_fn fn, void *context)
{
	allocator.fn = fn ? fn : libc_realloc;
	allocator.context = context;
}

void *mem_alloc(size_t size)
{
	return allocator.fn(allocator.context, NULL, size ? size : 1);
}

void *mem_calloc(size_t count, size_t size)
{
	void *pointer;

	if (size && count > SIZE_MAX / size)
		return NULL;
	pointer = mem_alloc(count * size);
	if (pointer)
		memset(pointer, 0, count * size);
	return pointer;
}

void *mem_realloc(void *pointer, size_t size)
{
	return allocator.fn(allocator.context, pointer, size ? size : 1);
}

void mem_free(void *pointer)
{
	if (pointer)
		(void)allocator.fn(allocator.context, pointer, 0);
}

char *mem_strdup(const char *text)
{
	return text ? mem_strndup(text, strlen(text)) : NULL;
}

char *mem_strndup(const char *text, size_t length)
{
	char *copy = mem_alloc(length + 1);

	if (!copy)
		return NULL;
	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

void mem_trim(void)
{
#ifdef __GLIBC__
	(void)malloc_trim(0);
#endif
}
