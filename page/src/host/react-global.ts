// SPDX-License-Identifier: Apache-2.0
// React as Airflow 3 gives it to its plugins: one React on a page, and none in our bundle.

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
