// SPDX-License-Identifier: Apache-2.0
// The React that Airflow 3 provides to its plugins: one React on a page, and none in this bundle.

import type * as ReactModule from "react";

const React = (globalThis as unknown as { React: typeof ReactModule }).React;

export const {
  createContext,
  useCallback,
  useContext,
  useEffect,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} = React;
