/* SPDX-License-Identifier: MIT */
/*
 * An intrusive doubly linked list with a sentinel: every operation is O(1) and none allocates. The
 * same struct is the head and the node; a node that is in no list points at itself.
 */
#ifndef FT_BASE_LIST_H
#define FT_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct ft_list {
    struct ft_list *next; /* of a head: the first node */
    struct ft_list *prev; /* of a head: the last node */
};

/* Visits each node. The node at hand may be removed in the body, others may not. */
#define ft_list_for_each(node, head)                                                               \
    for (struct ft_list *node = (head)->next, *node##_next = node->next; node != (head);           \
         node = node##_next, node##_next = node->next)

/** Make @l an empty list, or a node that is in no list. */
static inline void list_init(struct ft_list *l)
{
    l->next = l;
    l->prev = l;
}

/** Whether the list @head has no node. */
static inline bool list_empty(const struct ft_list *head)
{
    return head->next == head;
}

/** Whether the node @n is in a list. It must have been initialised. */
static inline bool list_linked(const struct ft_list *n)
{
    return n->next != n;
}

/** Put the unlinked node @n behind the last node of @head. */
static inline void list_push_back(struct ft_list *head, struct ft_list *n)
{
    n->next = head;
    n->prev = head->prev;
    head->prev->next = n;
    head->prev = n;
}

/** Put the unlinked node @n before the first node of @head. */
static inline void list_push_front(struct ft_list *head, struct ft_list *n)
{
    n->prev = head;
    n->next = head->next;
    head->next->prev = n;
    head->next = n;
}

/** Take @n out of its list, if it is in one. */
static inline void list_remove(struct ft_list *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    list_init(n);
}

/** The first node of @head; NULL when it is empty. */
static inline struct ft_list *list_first(const struct ft_list *head)
{
    return list_empty(head) ? NULL : head->next;
}

/** Take the first node out of @head and return it; NULL when it is empty. */
static inline struct ft_list *list_pop_front(struct ft_list *head)
{
    struct ft_list *n = list_first(head);

    if (n)
        list_remove(n);
    return n;
}

/** Move all nodes of @from, in order, behind the last node of @head. @from is empty then. */
static inline void list_splice_back(struct ft_list *head, struct ft_list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = head->prev;
    from->prev->next = head;
    head->prev->next = from->next;
    head->prev = from->prev;
    list_init(from);
}

#endif
