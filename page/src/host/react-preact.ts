// SPDX-License-Identifier: Apache-2.0
// The replacement for React in Airflow 2, which provides none to its plugins.

export { createContext } from "preact";
export {
  useCallback,
  useContext,
  useEffect,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "preact/hooks";
